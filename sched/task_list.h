// sched/task_list.h: the kernel threads of the process, as the kernel lists and describes them.
//
// Source   proc(5), /proc/PID/task: its link count is the number of threads and two; /proc/PID/stat.
#pragma once
#include <fcntl.h>
#include <sys/stat.h>

#include "allocator/base/print.h"
#include "allocator/base/syscall.h"
#include "sched/numbered_entries.h"

namespace gamelan::task_list {

inline constexpr char kPath[] = "/proc/self/task";

// 0: there is no /proc.
inline unsigned count() {
  struct stat s{};
  const long r = sys::call(SYS_newfstatat, AT_FDCWD, reinterpret_cast<long>(kPath), reinterpret_cast<long>(&s), 0);
  return sys::is_error(r) || s.st_nlink < 2 ? 0 : static_cast<unsigned>(s.st_nlink - 2);
}

// f(tid) of each; one that comes or goes meanwhile may be missed.
template <class F>
void for_each(F f) {
  for_each_numbered_entry(kPath, f);
}

// The kernel's word for the thread: R, S, D ...; 0 where it cannot be read.
inline char kernel_state(int tid) {
  Line path;
  path.text(kPath).text("/").dec(static_cast<uint64_t>(tid)).text("/stat");
  const long fd = sys::call(SYS_open, reinterpret_cast<long>(path.c_str()), O_RDONLY | O_CLOEXEC);
  if (sys::is_error(fd)) return 0;
  char text[512];
  const long n = sys::call(SYS_read, fd, reinterpret_cast<long>(text), sizeof text);
  sys::call(SYS_close, fd);
  char found = 0;
  for (long i = 0; i + 2 < n; i++)
    if (text[i] == ')') found = text[i + 2];  // the last one: names may hold parentheses
  return found;
}

}  // namespace gamelan::task_list
