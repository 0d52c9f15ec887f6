// sched/native_thread.cc: changing the thread pointer under one's own feet.
#include "sched/native_thread.h"

#include <errno.h>
#include <signal.h>

#include "allocator/base/syscall.h"
#include "sched/m.h"
#include "sched/switch.h"

namespace gamelan::native_thread {

namespace {
constexpr int kSetXid = 33;  // glibc's SIGSETXID

struct KernelAction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};
using Handler = void (*)(int, siginfo_t*, void*);
constinit Handler libcs_handler = nullptr;

// Functions of their own: between them nothing may remember a thread-local address.
GAMELAN_NOINLINE void set_thread_pointer(uintptr_t fs) {
  constexpr int kArchSetFs = 0x1002;
  if (switch_stack == gamelan_switch) __asm__ volatile("wrfsbase %0" : : "r"(fs) : "memory");
  else sys::call(SYS_arch_prctl, kArchSetFs, static_cast<long>(fs));
}
GAMELAN_NOINLINE int read_errno() { return errno; }
GAMELAN_NOINLINE void write_errno(int e) { errno = e; }
GAMELAN_NOINLINE M* current_m() { return tls_g.m; }
GAMELAN_NOINLINE uintptr_t thread_pointer() {
  uintptr_t fs;
  __asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
  return fs;
}

GAMELAN_NOINLINE void on_setxid(int signal, siginfo_t* info, void* context) {
  const M* m = current_m();
  const uintptr_t fs = thread_pointer();
  if (m) set_thread_pointer(m->native_fs);
  libcs_handler(signal, info, context);
  if (m) set_thread_pointer(fs);
}
}  // namespace

void install() {
  KernelAction action{};
  sys::call(SYS_rt_sigaction, kSetXid, 0, reinterpret_cast<long>(&action), 8);
  if (!action.handler || action.handler == on_setxid) return;
  libcs_handler = action.handler;
  action.handler = on_setxid;
  action.mask = ~uint64_t{0};
  sys::call(SYS_rt_sigaction, kSetXid, reinterpret_cast<long>(&action), 0, 8);
}

GAMELAN_NOINLINE long call(long (*f)(void*), void* context, int* error) {
  const M* m = current_m();
  if (!m) {
    const long r = f(context);
    *error = read_errno();
    return r;
  }
  RuntimeSection section;
  const uint64_t all_but_ours = ~(uint64_t{1} << (kSetXid - 1));
  uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&all_but_ours), reinterpret_cast<long>(&before), 8);
  const uintptr_t fs = thread_pointer();
  set_thread_pointer(m->native_fs);
  write_errno(*error);
  const long r = f(context);
  *error = read_errno();
  set_thread_pointer(fs);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&before), 0, 8);
  return r;
}

}  // namespace gamelan::native_thread
