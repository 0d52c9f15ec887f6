// bench/threads/live.c THREADS: that many threads of default stack size wait on one cond; then says what each costs,
// and lets them go.
//
// Prints `threads N rss_bytes X page_table_bytes Y`, the growth of VmRSS and VmPTE per thread. Where no more threads
// can be made, N says how many there were.
#include "bench.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER, all_there = PTHREAD_COND_INITIALIZER;
static long waiting;
static int go_on;

static void* waits(void* arg) {
  pthread_mutex_lock(&mutex);
  waiting++;
  pthread_cond_signal(&all_there);
  while (!go_on) pthread_cond_wait(&cond, &mutex);
  pthread_mutex_unlock(&mutex);
  return arg;
}

static long status_kib(const char* name) {
  char line[200];
  long n = -1;
  FILE* f = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, f))
    if (!strncmp(line, name, strlen(name))) n = atol(line + strlen(name) + 1);
  fclose(f);
  return n;
}

int main(int argc, char** argv) {
  const long want = argc > 1 ? atol(argv[1]) : 100000;
  pthread_t* t = malloc(sizeof *t * (size_t)want);
  memset(t, 0, sizeof *t * (size_t)want);  // not counted
  pthread_join(start(waits, (go_on = 1, NULL)), NULL);
  go_on = 0;
  waiting = 0;
  const long rss = status_kib("VmRSS"), tables = status_kib("VmPTE");

  long made = 0;
  while (made < want && pthread_create(&t[made], NULL, waits, NULL) == 0) made++;
  pthread_mutex_lock(&mutex);
  while (waiting < made) pthread_cond_wait(&all_there, &mutex);
  pthread_mutex_unlock(&mutex);
  sleep(1);  // the last of them is parked
  printf("threads %ld rss_bytes %ld page_table_bytes %ld\n", made, (status_kib("VmRSS") - rss) * 1024 / (made + !made),
         (status_kib("VmPTE") - tables) * 1024 / (made + !made));
  fflush(stdout);

  pthread_mutex_lock(&mutex);
  go_on = 1;
  pthread_cond_broadcast(&cond);
  pthread_mutex_unlock(&mutex);
  for (long i = 0; i < made; i++) pthread_join(t[i], NULL);
  return made != want;
}
