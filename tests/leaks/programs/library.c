// tests/leaks/programs/library.c: a library with a block in its data, freed when it is closed, and one that it loses.
#include <stdlib.h>

static void* mine;
void keep_in_library(void) { mine = malloc(200); }
void leak_in_library(void) {
  void* p = malloc(201);
  __asm__ volatile("" : : "r"(p) : "memory");
}
__attribute__((destructor)) static void frees(void) { free(mine); }
