// shim/process.cc: calls whose meaning depends on how many threads the process has: the helper stops first.
//
// Source   unshare(2), setns(2), setuid(2) and kin, capset(2), prctl(2), seccomp(2), mlockall(2).
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#include "allocator/base/words.h"
#include "sched/helper_thread.h"
#include "sched/native_thread.h"
#include "shim/next.h"

using namespace gamelan;

namespace {
// Calls the next definition of `name` with no helper about, before or during, and as the kernel thread that libc knows:
// it asks every other one by signal 33 to do the same, and waits for them.
template <class R, class... A>
R alone(Next<R (*)(A...)>& next, A... a) {
  helper::Pause pause;
  auto f = next.get();
  auto call = [&] { return static_cast<long>(f(a...)); };
  int e = errno;
  const long r = native_thread::call([](void* c) { return (*static_cast<decltype(call)*>(c))(); }, &call, &e);
  errno = e;
  return static_cast<R>(r);
}
}  // namespace

#define ALONE(ret, name, params, types, args)           \
  GAMELAN_EXPORT ret name params {                      \
    static constinit Next<ret(*) types> next{#name};    \
    return alone<ret>(next, args);                      \
  }
#define ARGS(...) __VA_ARGS__

ALONE(int, unshare, (int flags), (int), ARGS(flags))
ALONE(int, setns, (int fd, int type), (int, int), ARGS(fd, type))
ALONE(int, setuid, (uid_t u), (uid_t), ARGS(u))
ALONE(int, setgid, (gid_t g), (gid_t), ARGS(g))
ALONE(int, seteuid, (uid_t u), (uid_t), ARGS(u))
ALONE(int, setegid, (gid_t g), (gid_t), ARGS(g))
ALONE(int, setreuid, (uid_t r, uid_t e), (uid_t, uid_t), ARGS(r, e))
ALONE(int, setregid, (gid_t r, gid_t e), (gid_t, gid_t), ARGS(r, e))
ALONE(int, setresuid, (uid_t r, uid_t e, uid_t s), (uid_t, uid_t, uid_t), ARGS(r, e, s))
ALONE(int, setresgid, (gid_t r, gid_t e, gid_t s), (gid_t, gid_t, gid_t), ARGS(r, e, s))
ALONE(int, setgroups, (size_t n, const gid_t* list), (size_t, const gid_t*), ARGS(n, list))
ALONE(int, capset, (void* header, const void* data), (void*, const void*), ARGS(header, data))

GAMELAN_EXPORT int prctl(int option, ...) {
  static constinit Next<int (*)(int, unsigned long, unsigned long, unsigned long, unsigned long)> next{"prctl"};
  va_list ap;
  va_start(ap, option);
  unsigned long a[4];
  for (unsigned long& v : a) v = va_arg(ap, unsigned long);
  va_end(ap);
  // After a filter no system call may come that the program did not make when it wrote the filter.
  if (option == PR_SET_SECCOMP) helper::forbid();
  return next.get()(option, a[0], a[1], a[2], a[3]);
}

// The heap's opened pages and, later, goroutine stacks are far more than what is in use: lock them as they are touched.
GAMELAN_EXPORT int mlockall(int flags) {
  static constinit Next<int (*)(int)> next{"mlockall"};
#ifndef MCL_ONFAULT
  constexpr int MCL_ONFAULT = 4;
#endif
  const int e = next.get()(flags | (flags & (MCL_CURRENT | MCL_FUTURE) ? MCL_ONFAULT : 0));
  return e && flags ? next.get()(flags) : e;  // a kernel before 4.4, or flags that were wrong
}
