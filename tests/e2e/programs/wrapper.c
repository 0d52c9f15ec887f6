// tests/e2e/programs/wrapper.c: a preloaded wrapper of malloc, as profilers and fault injectors are.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void* (*next_malloc)(size_t);
static void (*next_free)(void*);
static unsigned long calls;

void* malloc(size_t n) {
  if (!next_malloc) next_malloc = (void* (*)(size_t))dlsym(RTLD_NEXT, "malloc");
  calls++;
  return next_malloc(n);
}

void free(void* p) {
  if (!next_free) next_free = (void (*)(void*))dlsym(RTLD_NEXT, "free");
  next_free(p);
}

__attribute__((destructor)) static void end(void) {
  static const char text[] = "wrapped\n";
  if (calls && write(1, text, sizeof text - 1) < 0) _exit(1);
}
