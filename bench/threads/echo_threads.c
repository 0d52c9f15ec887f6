// bench/threads/echo_threads.c: an echo server with a thread per connection, blocking reads and writes.
#include "echo.h"

static void* echoes(void* arg) {
  const int fd = (int)(long)arg;
  char block[4096];
  ssize_t n;
  while ((n = read(fd, block, sizeof block)) > 0) {
    for (ssize_t at = 0; at < n;) {
      const ssize_t sent = write(fd, block + at, (size_t)(n - at));
      if (sent < 0) break;
      at += sent;
    }
  }
  close(fd);
  return NULL;
}

int main(void) {
  raise_file_limit();
  const int listener = listen_somewhere();
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    must(fd >= 0, "accept");
    send_at_once(fd);
    pthread_detach(start(echoes, (void*)(long)fd));
  }
}
