// tests/e2e/programs/plugin_host.c PLUGIN [FLAG...]: opens PLUGIN (a path, or a bare name that only our RUNPATH finds) and
// passes memory to it and back. FLAG: deep (RTLD_DEEPBIND), and other=NAME, a library that PLUGIN has to open.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char** argv) {
  int flags = RTLD_NOW;
  const char* other = NULL;
  for (int i = 2; i < argc; i++) {
    if (!strcmp(argv[i], "deep")) flags |= RTLD_DEEPBIND;
    if (!strncmp(argv[i], "other=", 6)) other = argv[i] + 6;
  }
  void* plugin = dlopen(argv[1], flags);
  if (!plugin) return printf("%s\n", dlerror()), 1;
  char* (*make)(const char*) = (char* (*)(const char*))dlsym(plugin, "plugin_make");
  void (*take)(void*) = (void (*)(void*))dlsym(plugin, "plugin_take");
  char* (*grow)(char*, size_t) = (char* (*)(char*, size_t))dlsym(plugin, "plugin_grow");
  int (*open_other)(const char*, int) = (int (*)(const char*, int))dlsym(plugin, "plugin_open");
  for (size_t n = 1; n < 1000000; n = n * 3 + 1) {
    char* text = make("text");
    text = realloc(text, n + 5);
    if (strcmp(text, "text")) return 1;
    take(text);
    char* mine = grow(strdup("mine"), n + 5);
    if (strcmp(mine, "mine")) return 1;
    free(mine);
  }
  if (other && !open_other(other, flags)) return 1;
  void* missing = dlopen("libthere-is-no-such.so", RTLD_NOW);
  const char* error = dlerror();
  printf("passed memory; missing: %s; message: %s\n", missing ? "found" : "NULL", error);
  return dlclose(plugin);
}
