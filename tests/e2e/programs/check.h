// tests/e2e/programs/check.h: named cases and checks for small programs, C and C++.
//
// CASE(name) { CHECK(...); } defines one; main() runs those named on the command line, or all, and prints a line each:
// `name: ok`, or where it went wrong. The exit code is 1 if anything did.
#pragma once
#include <stdio.h>
#include <string.h>

struct check_case {
  const char* name;
  void (*run)(void);
  struct check_case* next;
};
static struct check_case* check_cases;
static int check_wrong;

#define CASE(name)                                                              \
  static void name(void);                                                       \
  static struct check_case case_##name = {#name, name, NULL};                   \
  __attribute__((constructor)) static void add_##name(void) {                   \
    case_##name.next = check_cases;                                             \
    check_cases = &case_##name;                                                 \
  }                                                                             \
  static void name(void)

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);          \
      check_wrong++;                                                            \
    }                                                                           \
  } while (0)

static inline int check_chosen(const char* name, int argc, char** argv) {
  if (argc < 2) return 1;
  for (int i = 1; i < argc; i++)
    if (!strcmp(argv[i], name)) return 1;
  return 0;
}

static inline int check_main(int argc, char** argv) {
  int wrong = 0;
  for (struct check_case* c = check_cases; c; c = c->next) {
    if (!check_chosen(c->name, argc, argv)) continue;
    check_wrong = 0;
    c->run();
    printf("%s: %s\n", c->name, check_wrong ? "wrong" : "ok");
    fflush(stdout);  // or a later case's child prints it again
    wrong += check_wrong;
  }
  return wrong != 0;
}
