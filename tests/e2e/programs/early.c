// tests/e2e/programs/early.c: the heap before main, after it, and from the loader's own depths.
//
// Linked with early_library.c, whose constructor runs before every other; prints what each stage found.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "pattern.h"

extern char* library_memory(void);

static char* from_preinit;
static void preinit(void) { from_preinit = strdup("preinit"); }
__attribute__((section(".preinit_array"), used)) static void (*preinit_entry)(void) = preinit;

static char* from_constructor;
__attribute__((constructor(101))) static void constructor(void) {
  void* (*found)(size_t) = (void* (*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
  from_constructor = found(64);
  pattern_fill(from_constructor, 64, 4);
  dlsym(RTLD_NEXT, "no such symbol");   // dlerror keeps its message on the heap
  free(NULL);
}

static __thread char* thread_own;
static void* body(void* arg) {
  thread_own = malloc(100);
  void* more = dlsym(RTLD_DEFAULT, "no such symbol either");
  free(thread_own);
  return more ? arg : NULL;
}

static void at_exit_second(void) {
  char* p = malloc(5000);
  pattern_fill(p, 5000, 6);
  printf("second exit handler: %d\n", pattern_holds(p, 5000, 5000, 6));
  free(p);
}
static void at_exit_first(void) {
  atexit(at_exit_second);
  free(from_constructor);
  printf("first exit handler: %s\n", from_preinit);
  free(from_preinit);
}
__attribute__((destructor)) static void destructor(void) {
  char* p = calloc(1, 100000);
  printf("destructor: %d\n", all_zero(p, 100000));
  free(p);
  fflush(stdout);
}

int main(void) {
  pthread_t t;
  void* result = NULL;
  atexit(at_exit_first);
  printf("preinit: %s, constructor: %d, library: %s\n", from_preinit,
         pattern_holds(from_constructor, 64, 64, 4), library_memory());
  pthread_create(&t, NULL, body, NULL);
  pthread_join(t, &result);
  printf("thread: %d\n", result == NULL);
  return 3;
}
