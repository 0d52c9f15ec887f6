// tests/e2e/programs/rss.h: VmRSS, read without the heap.
#pragma once
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline long vm_rss_kib(void) {
  char text[4096];
  const int fd = open("/proc/self/status", O_RDONLY);
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  text[n > 0 ? n : 0] = 0;
  const char* at = strstr(text, "VmRSS:");
  return at ? atol(at + 6) : -1;
}
