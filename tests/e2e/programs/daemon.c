// tests/e2e/programs/daemon.c FILE: becomes a daemon that closes 0, 1, 2, opens FILE as 2, uses the heap, and exits.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (fork()) _exit(0);
  setsid();
  for (int fd = 0; fd < 3; fd++) close(fd);
  if (open("/dev/null", O_RDWR) != 0 || open("/dev/null", O_RDWR) != 1) return 1;
  if (open(argv[1], O_WRONLY | O_APPEND | O_CREAT, 0644) != 2) return 1;
  for (size_t n = 1; n < 50000000; n = n * 2 + 1) free(memset(malloc(n), 1, n));
  if (write(2, "data\n", 5) != 5) return 1;
  exit(0);
}
