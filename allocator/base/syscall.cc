// allocator/base/syscall.cc: the few system calls that need more than one line.
#include "allocator/base/syscall.h"

#include <signal.h>
#include <sys/mman.h>
#include <time.h>

namespace gamelan::sys {

void* map(void* hint, Bytes size, int prot, int extra_flags) {
  const long r = call(SYS_mmap, reinterpret_cast<long>(hint), static_cast<long>(size), prot,
                      MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
  return is_error(r) ? nullptr : reinterpret_cast<void*>(r);
}

bool unmap(void* p, Bytes size) { return !is_error(call(SYS_munmap, reinterpret_cast<long>(p), static_cast<long>(size))); }

bool protect(void* p, Bytes size, int prot) {
  return !is_error(call(SYS_mprotect, reinterpret_cast<long>(p), static_cast<long>(size), prot));
}

long advise(void* p, Bytes size, int advice) {
  return call(SYS_madvise, reinterpret_cast<long>(p), static_cast<long>(size), advice);
}

Nanos monotonic_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

Nanos coarse_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

void sleep_for(Nanos t) {
  timespec ts{t / kSecond, t % kSecond};
  call(SYS_nanosleep, reinterpret_cast<long>(&ts), 0);
}

int current_tid() { return static_cast<int>(call(SYS_gettid)); }
int current_pid() { return static_cast<int>(call(SYS_getpid)); }

void abort_process() {
  // The program's own SIGABRT handler runs first, as after abort(3); then the default action.
  const uint64_t abort_bit = uint64_t{1} << (SIGABRT - 1);
  call(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&abort_bit), 0, 8);
  call(SYS_tgkill, current_pid(), current_tid(), SIGABRT);
  struct { void (*handler)(int); unsigned long flags; void (*restorer)(); uint64_t mask; } act{};
  call(SYS_rt_sigaction, SIGABRT, reinterpret_cast<long>(&act), 0, 8);
  call(SYS_tgkill, current_pid(), current_tid(), SIGABRT);
  for (;;) call(SYS_exit_group, 127);
}

}  // namespace gamelan::sys
