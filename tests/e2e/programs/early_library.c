// tests/e2e/programs/early_library.c: a library whose constructor allocates before a preloaded one's has run.
#include <stdlib.h>
#include <string.h>

static char* memory;

__attribute__((constructor)) static void begin(void) {
  char* first = malloc(10);
  memory = strdup("library");
  first = realloc(first, 100000);
  free(first);
}

__attribute__((destructor)) static void end(void) { free(memory); }

char* library_memory(void) { return memory; }
