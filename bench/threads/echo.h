// bench/threads/echo.h: the message size of the echo servers and their load, and a listener that says where it listens.
#pragma once
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { kMessage = 64 };

// Listens on 127.0.0.1 and prints `port N`.
static inline int listen_somewhere(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t n = sizeof address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  must(bind(fd, (struct sockaddr*)&address, n) == 0, "bind");
  must(listen(fd, 4096) == 0, "listen");
  must(getsockname(fd, (struct sockaddr*)&address, &n) == 0, "getsockname");
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static inline void send_at_once(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}
