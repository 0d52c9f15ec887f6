// tests/leaks/programs/leaks.h: what the leak programs share.
//
// A case allocates in functions whose names say what is to be found: blocks from leak_* functions have no pointer left when the
// process ends, those from keep_* have one somewhere. Whoever reports a keep_* block is wrong, whoever misses a leak_* one too.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

struct leak_case {
  const char* name;
  void (*run)(void);
  struct leak_case* next;
};
extern struct leak_case* all_cases;
#define CASE(name)                                                                     \
  static void name(void);                                                              \
  __attribute__((constructor)) static void add_##name(void) {                          \
    static struct leak_case c = {#name, name, 0};                                      \
    c.next = all_cases;                                                                \
    all_cases = &c;                                                                    \
  }                                                                                    \
  static void name(void)

// What the compiler may not look through: it would leave out allocations of which nothing comes.
static inline void* seen(void* p) {
  __asm__ volatile("" : "+r"(p) : : "memory");
  return p;
}
// Old frames and registers hold pointers that nobody has any more.
APART static void forget(void) {
  volatile char frames[16384];
  memset((void*)frames, 0, sizeof frames);
  __asm__ volatile("xor %%ebx, %%ebx\n\txor %%r12d, %%r12d\n\txor %%r13d, %%r13d\n\txor %%r14d, %%r14d\n\txor %%r15d, %%r15d"
                   : : : "rbx", "r12", "r13", "r14", "r15", "memory");
}
static inline void must(int holds, const char* what) {
  if (holds) return;
  perror(what);
  _exit(99);
}
#define MUST(condition) must(condition, #condition)

static inline int leaks_main(int argc, char** argv) {
  for (struct leak_case* c = all_cases; c; c = c->next) {
    if (argc < 2) puts(c->name);
    else if (!strcmp(argv[1], c->name)) {
      c->run();
      forget();
      return 0;
    }
  }
  return argc > 1;
}
