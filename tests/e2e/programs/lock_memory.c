// tests/e2e/programs/lock_memory.c: mlockall before and during use of the heap; locked is what is used, not what is reserved.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "rss.h"

int main(void) {
  const int locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
  const long before = vm_rss_kib();
  char* kept[1000];
  for (int i = 0; i < 1000; i++) kept[i] = memset(malloc(4000), 1, 4000);
  const long grown = vm_rss_kib() - before;
  for (int i = 0; i < 1000; i++) free(kept[i]);
  printf("locked %d, grew by less than 24 MiB: %d\n", locked, grown < 24 * 1024);
  if (grown >= 24 * 1024) fprintf(stderr, "grew by %ld KiB\n", grown);
  return munlockall();
}
