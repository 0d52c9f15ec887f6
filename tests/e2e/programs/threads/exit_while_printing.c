// tests/e2e/programs/threads/exit_while_printing.c: a worker calls exit while 50 threads print, allocate, sleep and
// wait.
#include "helpers.h"

static int printed;
static FILE* out;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void* goes_on_for_ever(void* i) {
  for (int n = 0;; n++) {
    fprintf(out, "thread %d line %d\n", (int)number_of(i), n);
    add(&printed, 1);
    switch (number_of(i) % 5) {
      case 0: sched_yield(); break;
      case 1: free(malloc(1000)); break;
      case 2: usleep(100); break;
      case 3:
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        break;
      case 4:
        if (n == 3) pause();
    }
  }
  return NULL;
}

static void at_the_end(void) { printf("exit handler\n"); }

static void* exits(void* arg) {
  await(&printed, 500);
  printf("leaving\n");
  exit((int)number_of(arg));
}

int main(void) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    out = fopen("/dev/null", "w");
    atexit(at_the_end);
    for (int i = 0; i < 50; i++) start(goes_on_for_ever, number(i));
    finish(start(exits, number(41)));
  }
  const int first = ended_with(pid);
  out = fopen("/dev/null", "w");
  atexit(at_the_end);
  for (int i = 0; i < 50; i++) start(goes_on_for_ever, number(i));
  await(&printed, 500);
  printf("the child ended with %d\n", first);
  return first != 41;  // main returns while they print
}
