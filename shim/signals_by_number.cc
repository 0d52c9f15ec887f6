// shim/signals_by_number.cc: the signal calls by syscall(2), with its arguments: the number in front.
//
// Source   rt_sigaction(2), rt_sigprocmask(2), rt_sigtimedwait(2), rt_sigsuspend(2), tgkill(2), rt_tgsigqueueinfo(2).
#include <errno.h>
#include <unistd.h>

#include "sched/actions.h"
#include "shim/by_number.h"
#include "shim/io_call.h"
#include "shim/sigaction.h"
#include "shim/signals.h"
#include "shim/sigsend.h"
#include "shim/timer.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
constexpr auto kSet = static_cast<long>(sizeof(uint64_t));

template <class T>
T* to(long v) { return reinterpret_cast<T*>(v); }

template <class F>
void* address_of(F f) { return reinterpret_cast<void*>(+f); }

long change_mask(long, long how, long set, long before, long size) {
  return finish(size == kSet ? signals::change_mask(static_cast<int>(how), to<uint64_t>(set), to<uint64_t>(before)) : -EINVAL);
}

long create_timer(long n, long clock, long event, long timer) {
  if (!event) return finish(sys::call(n, clock, event, timer));
  const sigevent own = signals::on_own_thread(*to<sigevent>(event));
  return finish(sys::call(n, clock, word(&own), timer));
}

long wait_for(long, long set, long info, long time_out, long size) {
  cancel::point();
  return finish(size == kSet ? signals::wait_for(*to<uint64_t>(set), to<siginfo_t>(info), to<timespec>(time_out)) : -EINVAL);
}

long to_tid(long number, long pid, long tid, long signal, const siginfo_t* info) {
  const int t = static_cast<int>(tid);
  if ((number != SYS_tkill && pid != sys::current_pid()) || !signals::is_goroutines_tid(t)) {
    return finish(number == SYS_tkill ? sys::call(number, tid, signal) : sys::call(number, pid, tid, signal, word(info)));
  }
  return finish(signals::send_to_tid(t, info, static_cast<int>(signal)));
}
}  // namespace

void* gamelan::io::signals_by_number(long n) {
  if (n == SYS_rt_sigaction && actions::are_ours()) {
    return address_of([](long, long a, long b, long c, long d) -> long {
      return finish(signals::action_by_number(static_cast<int>(a), to<KernelAction>(b), to<KernelAction>(c), static_cast<size_t>(d)));
    });
  }
  if (!signals::are_of_goroutine()) return nullptr;
  switch (n) {
    case SYS_rt_sigprocmask: return address_of(change_mask);
    case SYS_rt_sigtimedwait: return address_of(wait_for);
    case SYS_rt_sigpending: return address_of([](long, long a, long) -> long { return finish(signals::pending(to<uint64_t>(a))); });
    case SYS_rt_sigsuspend: return address_of([](long, long a, long) -> long { return finish(signals::suspend(*to<uint64_t>(a))); });
    case SYS_pause: return address_of([](long) -> long { return finish(signals::pause()); });
    case SYS_sigaltstack:
      return address_of([](long, long a, long b) -> long { return finish(signals::change_altstack(to<stack_t>(a), to<stack_t>(b))); });
    case SYS_timer_create: return address_of(create_timer);
    case SYS_kill: return address_of([](long, long a, long b) -> long { return kill(static_cast<pid_t>(a), static_cast<int>(b)); });
    case SYS_tkill: return address_of([](long number, long a, long b) -> long { return to_tid(number, a, a, b, nullptr); });
    case SYS_tgkill: return address_of([](long number, long a, long b, long c) -> long { return to_tid(number, a, b, c, nullptr); });
    case SYS_rt_tgsigqueueinfo:
      return address_of([](long number, long a, long b, long c, long d) -> long { return to_tid(number, a, b, c, to<siginfo_t>(d)); });
    default: return nullptr;
  }
}
