// tests/e2e/programs/plugin.c: a plugin: hands out memory, takes memory, and opens a library by its bare name.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char* plugin_make(const char* text) { return strdup(text); }
void plugin_take(void* p) { free(p); }
char* plugin_grow(char* p, size_t n) { return realloc(p, n); }

// 1 if NAME, found by this library's RUNPATH only, opens.
int plugin_open(const char* name, int flags) {
  void* other = dlopen(name, flags);
  if (!other) printf("%s\n", dlerror());
  return other != NULL;
}
