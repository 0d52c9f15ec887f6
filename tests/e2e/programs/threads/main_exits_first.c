// tests/e2e/programs/threads/main_exits_first.c: main leaves by pthread_exit; the process goes on until its last thread
// ends.
#include "helpers.h"

static pthread_t main_thread;

static void at_the_end(void) { printf("the exit handlers run last\n"); }

static void* same(void* arg) { return arg; }

static void* goes_on(void* arg) {
  CHECK(finish(main_thread) == number(5));  // main can be joined
  for (int i = 0; i < 3; i++) {
    sleep_millis(2);
    printf("still here %d\n", i);
  }
  printf("a new thread says %d\n", (int)number_of(finish(start(same, number(7)))));
  return arg;
}

static void cleanup(void* arg) { printf("main cleans up: %s\n", (char*)arg); }

int main(void) {
  main_thread = pthread_self();
  atexit(at_the_end);
  start(goes_on, NULL);
  pthread_cleanup_push(cleanup, (char*)"yes");
  pthread_exit(number(5));
  pthread_cleanup_pop(0);
}
