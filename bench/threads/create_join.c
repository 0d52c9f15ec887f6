// bench/threads/create_join.c: one thread after the other: created, run, joined.
#include "bench.h"

static void* nothing(void* arg) { return arg; }

static void batch(long n) {
  for (long i = 0; i < n; i++) pthread_join(start(nothing, NULL), NULL);
}

int main(void) { measure(batch); }
