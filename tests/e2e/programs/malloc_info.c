// tests/e2e/programs/malloc_info.c: prints malloc_info()'s XML with some memory in use.
#include <malloc.h>
#include <stdlib.h>

int main(void) {
  for (int i = 0; i < 1000; i++)
    if (!malloc((size_t)i * 10)) return 1;
  void* big = malloc(5000000);
  int e = malloc_info(0, stdout);
  free(big);
  return e;
}
