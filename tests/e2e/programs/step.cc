// tests/e2e/programs/step.cc CALL:SIZE...: counts the instructions of a call and of the free behind it, by single steps.
//
// CALL is malloc, calloc, realloc (of a block to its own size) or new. The parent traces a child (itself again, with LIBRARY
// preloaded) through warmed loops and counts the steps whose instruction pointer is in the text of the library named by
// $LIBRARY. Prints per call a line "malloc:16 malloc 12 free 24 highest 36": medians over the loop, and the highest sum of
// one turn; then one with the path of each, "path malloc:16 malloc 1a30 1a34 ...", as addresses within the library.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

enum { kWarm = 3000, kTurns = 64 };

static void* volatile kept;

// One turn of each kind of call; `visits` names what it enters the library for, in order.
static void malloc_turn(size_t n) {
  kept = malloc(n);
  free(kept);
}

static void calloc_turn(size_t n) {
  kept = calloc(1, n);
  free(kept);
}

static void realloc_turn(size_t n) {
  kept = malloc(n);
  kept = realloc(kept, n);
  free(kept);
}

static void new_turn(size_t n) {
  kept = ::operator new(n);
  ::operator delete(kept);
}

struct Kind {
  const char* name;
  void (*turn)(size_t);
  std::vector<const char*> visits;
};

static const Kind kKinds[] = {{"malloc", malloc_turn, {"malloc", "free"}},
                              {"calloc", calloc_turn, {"calloc", "free"}},
                              {"realloc", realloc_turn, {"malloc", "realloc", "free"}},
                              {"new", new_turn, {"new", "delete"}}};

struct Case {
  const char* text;
  const Kind* kind;
  size_t size;
};

// Ends the program where the text is no case.
static Case parse(const char* text) {
  const char* colon = strchr(text, ':');
  for (const Kind& kind : kKinds)
    if (colon && std::string(text, colon) == kind.name) return {text, &kind, strtoul(colon + 1, nullptr, 10)};
  fprintf(stderr, "step: what is %s?\n", text);
  exit(2);
}

static void turns(const Case& c, int count) {
  for (int i = 0; i < count; i++) c.kind->turn(c.size);
}

static int child(const std::vector<Case>& cases) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  for (const Case& c : cases) {
    void* others[100];   // so that the class's free list is not just one object
    for (void*& p : others) p = malloc(c.size);
    for (void* p : others) free(p);
    turns(c, kWarm);
    raise(SIGSTOP);
    turns(c, kTurns);
    raise(SIGSTOP);
  }
  return 0;
}

struct Range {
  uint64_t from, to;
  bool has(uint64_t at) const { return at >= from && at < to; }
};

static std::vector<Range> text_of(pid_t pid, const char* library) {
  std::vector<Range> found;
  FILE* maps = fopen(("/proc/" + std::to_string(pid) + "/maps").c_str(), "r");
  char line[4096];
  while (maps && fgets(line, sizeof line, maps)) {
    unsigned long from, to;
    char access[8], path[4000] = "";
    if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %3999s", &from, &to, access, path) == 4 && access[2] == 'x' && !strcmp(path, library))
      found.push_back({from, to});
  }
  if (maps) fclose(maps);
  return found;
}

static uint64_t instruction(pid_t pid) {
  user_regs_struct r{};
  ptrace(PTRACE_GETREGS, pid, 0, &r);
  return r.rip;
}

// An address in memory as objdump shows it: the first mapping begins at the library's address 0.
static uint64_t base_of(pid_t pid, const char* library) {
  FILE* maps = fopen(("/proc/" + std::to_string(pid) + "/maps").c_str(), "r");
  char line[4096];
  unsigned long from = 0;
  while (maps && fgets(line, sizeof line, maps) && !strstr(line, library)) {
  }
  if (maps) fclose(maps);
  return sscanf(line, "%lx", &from) == 1 ? from : 0;
}

using Path = std::vector<uint64_t>;  // the instructions of one visit to the library

// Every visit between two stops.
static std::vector<Path> visits(pid_t pid, const std::vector<Range>& text) {
  std::vector<Path> found;
  bool inside = false;
  for (;;) {
    ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP) return found;
    const uint64_t at = instruction(pid);
    const bool now = std::any_of(text.begin(), text.end(), [at](const Range& r) { return r.has(at); });
    if (now && !inside) found.emplace_back();
    // a repeated string instruction traps at each turn; the processor's own counter has it once
    if (now && (found.back().empty() || found.back().back() != at)) found.back().push_back(at);
    inside = now;
  }
}

// The visit of median length among every `step`th from `first` on.
static const Path& median(const std::vector<Path>& all, size_t first, size_t step) {
  std::vector<const Path*> some;
  for (size_t i = first; i < all.size(); i += step) some.push_back(&all[i]);
  std::sort(some.begin(), some.end(), [](const Path* a, const Path* b) { return a->size() < b->size(); });
  return *some[some.size() / 2];
}

static size_t highest_turn(const std::vector<Path>& all, size_t step) {
  size_t highest = 0;
  for (size_t i = 0; i + step <= all.size(); i += step) {
    size_t sum = 0;
    for (size_t j = i; j < i + step; j++) sum += all[j].size();
    highest = std::max(highest, sum);
  }
  return highest;
}

static void print_path(const Case& c, const char* visit, const Path& path, uint64_t base) {
  printf("path %s %s", c.text, visit);
  for (uint64_t at : path) printf(" %lx", static_cast<unsigned long>(at - base));
  printf("\n");
}

static bool report(const Case& c, const std::vector<Path>& all, uint64_t base) {
  const auto& names = c.kind->visits;
  if (all.size() / names.size() != kTurns) return false;
  printf("%s", c.text);
  for (size_t i = 0; i < names.size(); i++) printf(" %s %zu", names[i], median(all, i, names.size()).size());
  printf(" highest %zu\n", highest_turn(all, names.size()));
  for (size_t i = 0; i < names.size(); i++) print_path(c, names[i], median(all, i, names.size()), base);
  return true;
}

static pid_t start(int argc, char** argv, const char* library) {
  const pid_t pid = fork();
  if (pid) return pid;
  setenv("LD_PRELOAD", library, 1);
  std::vector<char*> args{argv[0], const_cast<char*>("child")};
  args.insert(args.end(), argv + 1, argv + argc + 1);
  execv("/proc/self/exe", args.data());
  _exit(127);
}

int main(int argc, char** argv) {
  const bool is_child = argc > 1 && !strcmp(argv[1], "child");
  std::vector<Case> cases;
  for (int i = is_child ? 2 : 1; i < argc; i++) cases.push_back(parse(argv[i]));
  if (is_child) return child(cases);
  const char* library = getenv("LIBRARY");
  if (!library || cases.empty()) return 2;
  const pid_t pid = start(argc, argv, library);
  bool good = true;
  int status = 0;
  waitpid(pid, &status, 0);   // its first SIGSTOP
  for (size_t i = 0; i < cases.size() && WIFSTOPPED(status); i++) {
    const auto text = text_of(pid, library);
    good = !text.empty() && report(cases[i], visits(pid, text), base_of(pid, library)) && good;
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &status, 0);
  }
  if (WIFSTOPPED(status)) kill(pid, SIGKILL);
  return good && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
