// sched/program_rules.cc: the parser, and the table, the file.
#include "sched/program_rules.h"

#include "allocator/base/mem.h"
#include "allocator/base/options.h"
#include "allocator/base/output.h"
#include "sched/line_reader.h"

namespace gamelan::rules {

namespace {
constexpr const char* kFile = "/etc/gamelan.conf";
constexpr const char* kBuiltIn[] = {
#define RULE(text) text,
#include "sched/program_rules.inc"
#undef RULE
};

constinit uint64_t wrong_line = 0;  // 0: every line was right

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

size_t length_of(const char* s) {
  size_t n = 0;
  while (s[n]) n++;
  return n;
}

const char* path() { return options().rules[0] ? options().rules : kFile; }

// Takes words off the front of a line.
struct Words {
  const char* at;
  const char* end;

  void skip_space() {
    while (at != end && is_space(*at)) at++;
  }
  const char* next(size_t* length) {
    skip_space();
    const char* start = at;
    while (at != end && !is_space(*at)) at++;
    *length = static_cast<size_t>(at - start);
    return start;
  }
  bool next_is(const char* word) {
    size_t n;
    const char* w = next(&n);
    return n == length_of(word) && mem::equal(w, word, n);
  }
};

void keep(Found* found, const Rule& rule, const char* where) {
  found->verdict = rule.goroutine ? Verdict::goroutine : Verdict::native;
  Line text;
  text.text(where).text(": ");
  if (rule.reason_length) text.text(rule.reason, rule.reason_length);
  else text.text(rule.goroutine ? "threads=goroutine" : "threads=native");
  const size_t n = min_of(text.size(), sizeof found->reason - 1);
  mem::copy(found->reason, text.data(), n);
  found->reason[n] = 0;
}

// Rules for libraries are kept: libraries come later.
struct ForLibrary {
  char name[48];
  bool goroutine;
};
constexpr unsigned kMostForLibraries = 16;
constinit ForLibrary for_libraries[kMostForLibraries] = {};
constinit unsigned for_library_count = 0;

bool keep_for_library(const Rule& rule) {
  if (for_library_count == kMostForLibraries || rule.name_length >= sizeof for_libraries->name) return false;
  ForLibrary& kept = for_libraries[for_library_count++];
  mem::copy(kept.name, rule.name, rule.name_length);
  kept.name[rule.name_length] = 0;
  kept.goroutine = rule.goroutine;
  return true;
}

void take(Found* found, const char* line, size_t length, const char* program, const char* where, uint64_t number) {
  Rule rule;
  const Kind kind = parse(line, length, &rule);
  bool right = kind != Kind::wrong;
  if (kind == Kind::rule && rule.library) right = keep_for_library(rule);
  else if (kind == Kind::rule && fits(rule, program)) keep(found, rule, where);
  if (!right && !wrong_line) wrong_line = number;
}

void read_file(Found* found, const char* program) {
  LineReader file(path());
  const char* line;
  size_t length;
  for (uint64_t number = 1; file.next(&line, &length); number++) {
    if (!file.was_cut()) take(found, line, length, program, path(), number);
    else if (!wrong_line) wrong_line = number;
  }
}
}  // namespace

Kind parse(const char* line, size_t length, Rule* out) {
  Words words{line, line + length};
  words.skip_space();
  if (words.at == words.end || *words.at == '#') return Kind::blank;
  const Words kind = words;
  out->library = words.next_is("library");
  if (!out->library && !(words = kind, words.next_is("program"))) return Kind::wrong;
  out->name = words.next(&out->name_length);
  if (!out->name_length) return Kind::wrong;
  Words threads = words;
  out->goroutine = words.next_is("threads=goroutine");
  if (!out->goroutine && !(words = threads, words.next_is("threads=native"))) return Kind::wrong;
  words.skip_space();
  out->reason = words.at;
  while (words.end != words.at && is_space(words.end[-1])) words.end--;
  out->reason_length = static_cast<size_t>(words.end - words.at);
  return Kind::rule;
}

bool fits(const Rule& rule, const char* name) {
  const size_t n = length_of(name);
  const bool open = rule.name[rule.name_length - 1] == '*';
  const size_t fixed = rule.name_length - (open ? 1 : 0);
  return (open ? n >= fixed : n == fixed) && mem::equal(name, rule.name, fixed);
}

Found find(const char* program) {
  Found found{Verdict::none, ""};
  for_library_count = 0;
  for (const char* row : kBuiltIn) take(&found, row, length_of(row), program, "built-in rule", 0);
  read_file(&found, program);
  return found;
}

Verdict find_for_library(const char* name) {
  for (unsigned i = for_library_count; i-- > 0;) {
    const ForLibrary& kept = for_libraries[i];
    if (fits({true, kept.name, length_of(kept.name), kept.goroutine, "", 0}, name))
      return kept.goroutine ? Verdict::goroutine : Verdict::native;
  }
  return Verdict::none;
}

bool any_for_libraries() { return for_library_count != 0; }

void complain() {
  if (!wrong_line) return;
  Line line;
  line.prefix().text(path()).text(":").dec(wrong_line)
      .text(": want program|library NAME threads=native|goroutine REASON; the line is skipped");
  output::write_line(line);
  wrong_line = 0;
}

}  // namespace gamelan::rules
