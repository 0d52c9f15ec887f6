// sched/program_rules.h: which programs keep kernel threads, or get goroutines, unasked.
//
// Owns     the grammar of a rule, and the search for the program's: the rows of program_rules.inc, then /etc/gamelan.conf
//          (GAMELAN_OPTIONS=rules=FILE names another). The last row that fits holds, so the file overrides what is built in.
// A rule   program NAME threads=native|goroutine REASON...
//          NAME is the last component of argv[0]; a * at its end stands for anything. Empty lines and # comments pass.
//          library NAME threads=native|goroutine REASON...
//          for threads that begin in code of that shared object (own_threads.h), whatever the program's are.
// Errors   a line that is none of these is skipped; the first one is kept for `complain`.
// Threads  the one that decides the mode, once.
#pragma once
#include <stddef.h>

namespace gamelan::rules {

enum class Kind : unsigned char { blank, rule, wrong };

// Slices of the line that was parsed.
struct Rule {
  bool library;
  const char* name;
  size_t name_length;
  bool goroutine;
  const char* reason;  // "" is none
  size_t reason_length;
};

Kind parse(const char* line, size_t length, Rule* out);
bool fits(const Rule& rule, const char* name);

enum class Verdict : unsigned char { none, native, goroutine };
struct Found {
  Verdict verdict;
  char reason[96];  // as `gamelan stat` shows it
};
Found find(const char* program);
// What the last row says that fits the shared object; none where no row does.
Verdict find_for_library(const char* name);
bool any_for_libraries();  // as of the last `find`
void complain();  // says the first wrong line of the file, if there was one

}  // namespace gamelan::rules
