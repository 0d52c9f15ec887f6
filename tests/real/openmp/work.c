// tests/real/openmp/work.c: OpenMP over loops, tasks and barriers: matrices, a sieve, a sort by tasks, a stencil; prints sums.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kOrder = 420, kSieve = 6000000, kSorted = 2000000, kGrid = 1000 };

static void multiply(void) {
  static double a[kOrder][kOrder], b[kOrder][kOrder], c[kOrder][kOrder];
  for (int i = 0; i < kOrder; i++)
    for (int k = 0; k < kOrder; k++) a[i][k] = (i * k) % 7, b[i][k] = (i + k) % 5;
#pragma omp parallel for schedule(dynamic, 8)
  for (int i = 0; i < kOrder; i++)
    for (int j = 0; j < kOrder; j++) {
      double sum = 0;
      for (int k = 0; k < kOrder; k++) sum += a[i][k] * b[k][j];
      c[i][j] = sum;
    }
  double all = 0;
#pragma omp parallel for reduction(+ : all)
  for (int i = 0; i < kOrder; i++)
    for (int j = 0; j < kOrder; j++) all += c[i][j];
  printf("product %.0f\n", all);
}

static void sieve(void) {
  char* composite = calloc(kSieve, 1);
  long primes = 0;
  for (long p = 2; p * p < kSieve; p++) {
    if (composite[p]) continue;
#pragma omp parallel for if (kSieve / p > 10000)
    for (long m = p * p; m < kSieve; m += p) composite[m] = 1;
  }
#pragma omp parallel for reduction(+ : primes) schedule(guided)
  for (long i = 2; i < kSieve; i++) primes += !composite[i];
  printf("primes %ld\n", primes);
  free(composite);
}

static void sort(uint32_t* from, uint32_t* room, long n) {
  if (n < 2) return;
  const long half = n / 2;
#pragma omp task if (n > 5000)
  sort(from, room, half);
#pragma omp task if (n > 5000)
  sort(from + half, room + half, n - half);
#pragma omp taskwait
  long i = 0, k = half;
  for (long at = 0; at < n; at++) room[at] = k >= n || (i < half && from[i] <= from[k]) ? from[i++] : from[k++];
  memcpy(from, room, (size_t)n * sizeof *from);
}
static void sorted(void) {
  uint32_t *all = malloc(kSorted * sizeof *all), *room = malloc(kSorted * sizeof *room), x = 1;
  for (long i = 0; i < kSorted; i++) all[i] = x = x * 1664525u + 1013904223u;
#pragma omp parallel
#pragma omp single
  sort(all, room, kSorted);
  long wrong = 0;
  for (long i = 1; i < kSorted; i++) wrong += all[i - 1] > all[i];
  printf("sorted, %ld wrong, first %u, last %u\n", wrong, all[0], all[kSorted - 1]);
  free(all);
  free(room);
}

static void stencil(void) {
  static double old[kGrid][kGrid], next[kGrid][kGrid];
  for (int i = 0; i < kGrid; i++) old[i][0] = old[0][i] = 100;
#pragma omp parallel
  for (int step = 0; step < 150; step++) {   // 300 barriers of one team
#pragma omp for
    for (int i = 1; i < kGrid - 1; i++)
      for (int k = 1; k < kGrid - 1; k++)
        next[i][k] = (old[i - 1][k] + old[i + 1][k] + old[i][k - 1] + old[i][k + 1]) / 4;
#pragma omp for
    for (int i = 1; i < kGrid - 1; i++)
      for (int k = 1; k < kGrid - 1; k++) old[i][k] = next[i][k];
  }
  double sum = 0;
  for (int i = 0; i < kGrid; i++)
    for (int k = 0; k < kGrid; k++) sum += old[i][k];
  printf("stencil %.6f\n", sum);
}

int main(void) {
  multiply();
  sieve();
  sorted();
  stencil();
  return 0;
}
