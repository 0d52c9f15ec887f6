// tests/e2e/programs/threads/openmp.c: OpenMP's teams, reductions, critical sections, tasks and barriers (libgomp waits
// by futexes of its own).
#include "helpers.h"

#include <omp.h>

CASE(reductions) {
  long right = 0;
  for (int round = 0; round < 50; round++) {
    long sum = 0;
#pragma omp parallel for num_threads(8) reduction(+ : sum)
    for (int i = 0; i < 10000; i++) sum += i;
    right += sum == 49995000;
  }
  CHECK(right == 50);
}

CASE(schedules_and_ordered) {
  int seen[1000] = {0}, next = 0, in_order = 1;
#pragma omp parallel for num_threads(4) schedule(dynamic, 7)
  for (int i = 0; i < 1000; i++) seen[i]++;
  for (int i = 0; i < 1000; i++) in_order &= seen[i] == 1;
#pragma omp parallel for num_threads(4) ordered schedule(static, 1)
  for (int i = 0; i < 100; i++) {
#pragma omp ordered
    in_order &= i == next++;
  }
  CHECK(in_order && next == 100);
}

CASE(critical_and_locks) {
  long count = 0, locked = 0, atomic = 0;
  omp_lock_t lock;
  omp_init_lock(&lock);
#pragma omp parallel num_threads(8)
  for (int i = 0; i < 200; i++) {
#pragma omp critical
    count++;
    omp_set_lock(&lock);
    locked++;
    omp_unset_lock(&lock);
#pragma omp atomic
    atomic++;
  }
  CHECK(count == 1600 && locked == 1600 && atomic == 1600);
}

static long fibonacci(int n) {
  long a, b;
  if (n < 2) return n;
#pragma omp task shared(a) if (n > 8)
  a = fibonacci(n - 1);
#pragma omp task shared(b) if (n > 8)
  b = fibonacci(n - 2);
#pragma omp taskwait
  return a + b;
}
CASE(tasks) {
  long result = 0;
#pragma omp parallel num_threads(4)
#pragma omp single
  result = fibonacci(16);
  CHECK(result == 987);
}

CASE(barriers_and_nesting) {
  int phase[8] = {0}, wrong = 0, inner = 0;
  omp_set_max_active_levels(2);
#pragma omp parallel num_threads(8) reduction(+ : wrong)
  for (int i = 1; i <= 20; i++) {
    phase[omp_get_thread_num()] = i;
#pragma omp barrier
    for (int k = 0; k < 8; k++) wrong += phase[k] != i;
#pragma omp barrier
  }
#pragma omp parallel num_threads(3)
#pragma omp parallel num_threads(3)
#pragma omp atomic
  inner++;
  CHECK(wrong == 0 && inner == 9);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
