// tests/e2e/programs/daemon.c FILE: becomes a daemon that closes 0, 1, 2, opens FILE as 2, uses the heap, and exits.
//
// It ends after 20 s whatever happens. Its parent waits until it has a session of its own, as daemon managers want it.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  int link[2];
  char none;
  if (pipe(link)) return 1;
  if (fork()) {
    close(link[1]);
    _exit(read(link[0], &none, 1) != 0);
  }
  setsid();
  alarm(20);
  close(link[0]);
  close(link[1]);
  for (int fd = 0; fd < 3; fd++) close(fd);
  if (open("/dev/null", O_RDWR) != 0 || open("/dev/null", O_RDWR) != 1) return 1;
  if (open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0644) != 2) return 1;
  for (size_t n = 1; n < 50000000; n = n * 2 + 1) free(memset(malloc(n), 1, n));
  if (write(2, "data\n", 5) != 5) return 1;
  exit(0);
}
