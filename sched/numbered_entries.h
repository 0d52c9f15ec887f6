// sched/numbered_entries.h: the entries of a /proc directory whose names are numbers: threads, descriptors.
//
// Source   getdents64(2).  No libc, no memory: safe while the world is stopped.
#pragma once
#include <fcntl.h>

#include "allocator/base/syscall.h"

namespace gamelan {

// f(number) of each; one that comes or goes meanwhile may be missed.  Nothing where the directory cannot be opened.
template <class F>
void for_each_numbered_entry(const char* directory, F f) {
  struct Entry {  // linux_dirent64
    uint64_t inode;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
  };
  const long fd = sys::call(SYS_open, reinterpret_cast<long>(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (sys::is_error(fd)) return;
  alignas(8) char room[4096];
  for (long n; (n = sys::call(SYS_getdents64, fd, reinterpret_cast<long>(room), sizeof room)) > 0;)
    for (long at = 0; at < n;) {
      const auto* e = reinterpret_cast<const Entry*>(room + at);
      at += e->length;
      if (e->name[0] < '0' || e->name[0] > '9') continue;
      int number = 0;
      for (const char* c = e->name; *c >= '0' && *c <= '9'; c++) number = number * 10 + (*c - '0');
      f(number);
    }
  sys::call(SYS_close, fd);
}

}  // namespace gamelan
