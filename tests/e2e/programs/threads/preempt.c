// tests/e2e/programs/threads/preempt.c: threads that never give way must not keep others from running.
#include "helpers.h"

static int stop, started;
static volatile unsigned long sink;

static void* spins(void* arg) {
  (void)arg;
  add(&started, 1);
  while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {}  // not a call in it
  return NULL;
}

CASE(spinners_outnumber_processors) {
  pthread_t t[20];
  store(&stop, 0);
  store(&started, 0);
  for (int i = 0; i < 20; i++) t[i] = start(spins, NULL);
  while (load(&started) < 20) {}  // main spins as well
  store(&stop, 1);
  for (int i = 0; i < 20; i++) finish(t[i]);
}

static void* ends(void* arg) { return arg; }
CASE(others_run_beside_a_spinner) {
  pthread_t t[12];
  store(&stop, 0);
  for (int i = 0; i < 12; i++) t[i] = start(spins, NULL);
  for (int i = 0; i < 20; i++) CHECK(finish(start(ends, number(i))) == number(i));
  store(&stop, 1);
  for (int i = 0; i < 12; i++) finish(t[i]);
}

CASE(sleepers_wake_beside_spinners) {
  pthread_t t[12];
  store(&stop, 0);
  for (int i = 0; i < 12; i++) t[i] = start(spins, NULL);
  for (int i = 0; i < 5; i++) usleep(1000);
  store(&stop, 1);
  for (int i = 0; i < 12; i++) finish(t[i]);
}

// Each computes without a call, and all must come to the right number.
static void* computes(void* arg) {
  unsigned long x = (unsigned long)number_of(arg) + 1;
  double d = 1;
  for (int i = 0; i < 3000000; i++) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    d = d * 1.0000001 + (double)(x >> 60);
  }
  sink = (unsigned long)d;
  return number((intptr_t)(x ^ (unsigned long)d));
}
CASE(results_are_right_under_preemption) {
  pthread_t t[16];
  void* want[16];
  for (int i = 0; i < 16; i++) want[i] = computes(number(i));
  for (int i = 0; i < 16; i++) t[i] = start(computes, number(i));
  for (int i = 0; i < 16; i++) CHECK(finish(t[i]) == want[i]);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
