// tests/e2e/programs/exhaust.c: allocates until malloc says no, under whatever limit it was started, then goes on.
//
// Prints whether the refusal was NULL with ENOMEM, whether what it has is intact, and whether freed memory serves again.
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "pattern.h"

enum { kMost = 1 << 20 };
static char* object[kMost];

static size_t size_of(int i) { return i % 7 == 0 ? 100000 : i % 3 == 0 ? 5000 : 200; }

static void* allocate_a_little(void* arg) {
  void* p = malloc(1000);
  free(p);
  return p ? arg : NULL;
}

int main(void) {
  int n = 0, wrong = 0;
  errno = 0;
  for (; n < kMost && (object[n] = malloc(size_of(n))); n++) pattern_fill(object[n], size_of(n), (uint64_t)n);
  printf("refused: %d, ENOMEM: %d\n", n < kMost, errno == ENOMEM);
  if (n < kMost) {
    errno = 0;
    printf("a big one too: %d", malloc((size_t)1 << 40) == NULL && errno == ENOMEM);
    errno = 0;
    printf(", calloc: %d", calloc(1 << 20, 1 << 20) == NULL && errno == ENOMEM);
    errno = 0;
    printf(", realloc: %d\n", realloc(object[0], (size_t)1 << 40) == NULL && errno == ENOMEM);
  }
  for (int i = 0; i < n; i++) wrong += !pattern_holds(object[i], size_of(i), size_of(i), (uint64_t)i);
  printf("intact: %d\n", wrong == 0);
  for (int i = 0; i < n; i += 2) free(object[i]);
  int again = 0;
  for (int i = 0; i < n / 4; i += 2) again += (object[i] = malloc(size_of(i))) != NULL;
  printf("served again: %d\n", again >= n / 10);
  for (int i = 0; i < n / 4; i += 2) free(object[i]);
  for (int i = 1; i < n; i += 2) free(object[i]);
  pthread_t t;
  void* result = NULL;
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, 128 * 1024);
  if (!pthread_create(&t, &small, allocate_a_little, &t)) pthread_join(t, &result);
  printf("a thread allocates: %d\n", result != NULL);
  return 0;
}
