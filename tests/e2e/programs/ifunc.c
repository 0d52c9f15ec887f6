// tests/e2e/programs/ifunc.c: an IFUNC resolver that allocates, while the loader still relocates and no TLS image is in place.
#include <stdio.h>
#include <stdlib.h>

#include "pattern.h"

static char* from_resolver;
static int twice(int n) { return 2 * n; }

static int (*resolve_twice(void))(int) {
  free(malloc(100));
  from_resolver = malloc(300);
  pattern_fill(from_resolver, 300, 8);
  return twice;
}
int by_ifunc(int) __attribute__((ifunc("resolve_twice")));

int main(void) {
  printf("ifunc: %d, its memory: %d\n", by_ifunc(21), pattern_holds(from_resolver, 300, 300, 8));
  free(from_resolver);
  return 0;
}
