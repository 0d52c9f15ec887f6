// bench/threads/idle.c THREADS SECONDS: THREADS (1000) parked threads and a main that sleeps SECONDS (60); what that
// costs.
//
// Prints `cpu_us X wakeups Y`: user + system time, and context switches of all kernel threads the process had
// meanwhile, those that ended too (getrusage). The threads wait on conds, semaphores, pipes and in long sleeps, by
// turns.
#include "bench.h"

#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static int pipe_ends[2];

static void* parks(void* how) {
  char c;
  switch ((long)how % 4) {
    case 0:
      pthread_mutex_lock(&mutex);
      for (;;) pthread_cond_wait(&cond, &mutex);
    case 1: sem_wait(&semaphore); break;
    case 2: must(read(pipe_ends[0], &c, 1) == 1, "read"); break;
    case 3: sleep(100000);
  }
  return NULL;
}

static long cpu_us(const struct rusage* r) {
  return (r->ru_utime.tv_sec + r->ru_stime.tv_sec) * 1000000L + r->ru_utime.tv_usec + r->ru_stime.tv_usec;
}

int main(int argc, char** argv) {
  const long threads = argc > 1 ? atol(argv[1]) : 1000, seconds = argc > 2 ? atol(argv[2]) : 60;
  struct rusage before, after;
  sem_init(&semaphore, 0, 0);
  must(pipe(pipe_ends) == 0, "pipe");
  for (long i = 0; i < threads; i++) start(parks, (void*)i);
  sleep(3);  // all are parked, and who helped them is asleep
  getrusage(RUSAGE_SELF, &before);
  sleep((unsigned)seconds);
  getrusage(RUSAGE_SELF, &after);
  printf("cpu_us %ld wakeups %ld\n", cpu_us(&after) - cpu_us(&before),
         after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw);
  fflush(stdout);
  _exit(0);
}
