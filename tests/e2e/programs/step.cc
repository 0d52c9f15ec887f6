// tests/e2e/programs/step.cc [SIZE...]: counts the instructions of malloc(SIZE) and free(), by single steps.
//
// The parent traces a child (itself again, with LIBRARY preloaded) through warmed loops and counts the steps whose
// instruction pointer is in the text of the library named by $LIBRARY. Prints per size: the median of malloc's count over
// the loop, of free's, and the highest sum.
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

enum { kWarm = 3000, kPairs = 64 };

static void* volatile kept;

static void pairs(size_t n, int count) {
  for (int i = 0; i < count; i++) {
    kept = malloc(n);
    free(kept);
  }
}

static int child(int sizes, char** size) {
  ptrace(PTRACE_TRACEME, 0, 0, 0);
  for (int i = 0; i < sizes; i++) {
    const size_t n = strtoul(size[i], nullptr, 10);
    void* others[100];   // so that the class's free list is not just one object
    for (void*& p : others) p = malloc(n);
    for (void* p : others) free(p);
    pairs(n, kWarm);
    raise(SIGSTOP);
    pairs(n, kPairs);
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

// One entry per visit to the library between two stops: how many instructions it took.
static std::vector<int> visits(pid_t pid, const std::vector<Range>& text) {
  std::vector<int> count;
  bool inside = false;
  for (;;) {
    ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
    int status = 0;
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status) || WSTOPSIG(status) == SIGSTOP) return count;
    const uint64_t at = instruction(pid);
    const bool now = std::any_of(text.begin(), text.end(), [at](const Range& r) { return r.has(at); });
    if (now && !inside) count.push_back(0);
    if (now) count.back()++;
    inside = now;
  }
}

static int median(std::vector<int> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

static bool report(const char* size, const std::vector<int>& count) {
  std::vector<int> mallocs, frees;
  int highest = 0;
  for (size_t i = 0; i + 1 < count.size(); i += 2) {
    mallocs.push_back(count[i]);
    frees.push_back(count[i + 1]);
    highest = std::max(highest, count[i] + count[i + 1]);
  }
  if (mallocs.size() != kPairs) return false;
  printf("size %s malloc %d free %d highest %d\n", size, median(mallocs), median(frees), highest);
  return true;
}

int main(int argc, char** argv) {
  if (argc > 1 && !strcmp(argv[1], "child")) return child(argc - 2, argv + 2);
  const char* library = getenv("LIBRARY");
  if (!library || argc < 2) return 2;
  const pid_t pid = fork();
  if (!pid) {
    setenv("LD_PRELOAD", library, 1);
    std::vector<char*> args{argv[0], const_cast<char*>("child")};
    args.insert(args.end(), argv + 1, argv + argc + 1);
    execv("/proc/self/exe", args.data());
    _exit(127);
  }
  bool good = true;
  int status = 0;
  waitpid(pid, &status, 0);   // its first SIGSTOP
  for (int i = 1; i < argc && WIFSTOPPED(status); i++) {
    const auto text = text_of(pid, library);
    good = !text.empty() && report(argv[i], visits(pid, text)) && good;
    ptrace(PTRACE_CONT, pid, 0, 0);
    waitpid(pid, &status, 0);
  }
  if (WIFSTOPPED(status)) kill(pid, SIGKILL);
  return good && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
