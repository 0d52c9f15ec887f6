// shim/sigsend.cc: sending signals to goroutines, and to the own process.
//
// Process  kill and sigqueue to the process itself are ours where a handler takes the signal: POSIX promises that it has run
//          in the caller before the call returns, if nobody else takes it. Everything else is the kernel's.
// Source   POSIX.1-2017 kill, pthread_kill, raise, sigqueue; tgkill(2), pthread_sigqueue(3).
#include <errno.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include "sched/actions.h"
#include "sched/sched.h"
#include "shim/io_call.h"
#include "shim/next.h"
#include "shim/signals.h"
#include "shim/sigsend.h"
#include "shim/threads.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
bool is_signal(int s) { return s >= 0 && s <= 64; }
bool is_internal(int s) { return s == 32 || s == 33; }

int send_to_thread(G* g, int signal) {
  if (!is_signal(signal)) return EINVAL;
  const GState s = g->state.load_seq();
  if (s == GState::idle) return ESRCH;
  if (signal == 0) return 0;
  return signals::send(g, signals::info_from_self(signal, SI_TKILL));
}

siginfo_t info_of_queue(int signal, sigval value) {
  siginfo_t info = signals::info_from_self(signal, SI_QUEUE);
  info.si_value = value;
  return info;
}

// Whether it went to a goroutine of this process.
bool is_sent_here(pid_t pid, const siginfo_t& info) {
  const int s = info.si_signo;
  if (!signals::are_of_goroutine() || pid != sys::current_pid() || s < 1 || s > 64 || is_internal(s)) return false;
  return actions::handler_of(s) > actions::kIgnore && signals::send_to_process(info);
}
}  // namespace

namespace gamelan::signals {

bool is_goroutines_tid(int tid) { return sched::is_started() && (tid == self()->tid || find_by_tid(tid)); }

long send_to_tid(int tid, const siginfo_t* info, int signal) {
  if (!is_signal(signal)) return -EINVAL;
  G* g = find_by_tid(tid);
  if (!g) return -ESRCH;
  if (signal == 0) return 0;
  if (!info) return -send(g, info_from_self(signal, SI_TKILL));
  siginfo_t copy = *info;
  copy.si_signo = signal;
  return -send(g, copy);
}

}  // namespace gamelan::signals

GAMELAN_EXPORT int pthread_kill(pthread_t t, int signal) {
  static constinit auto next = next_for(pthread_kill, "pthread_kill");
  if (!is_goroutine(t) || self()->is_in_vfork()) return next.get()(t, signal);
  return is_internal(signal) ? EINVAL : send_to_thread(g_of(t), signal);
}

GAMELAN_EXPORT int pthread_sigqueue(pthread_t t, int signal, const sigval value) {
  static constinit auto next = next_for(pthread_sigqueue, "pthread_sigqueue");
  if (!is_goroutine(t)) return next.get()(t, signal, value);
  if (signal < 1 || !is_signal(signal) || is_internal(signal)) return EINVAL;
  return signals::send(g_of(t), info_of_queue(signal, value));
}

GAMELAN_EXPORT int raise(int signal) {
  static constinit auto next = next_for(raise, "raise");
  if (!signals::are_of_goroutine()) return next.get()(signal);
  return static_cast<int>(finish(-(is_internal(signal) ? EINVAL : send_to_thread(self(), signal))));
}

GAMELAN_EXPORT int gsignal(int signal) { return raise(signal); }

GAMELAN_EXPORT int kill(pid_t pid, int signal) {
  static constinit auto next = next_for(kill, "kill");
  if (signal > 0 && sched::is_started() && is_sent_here(pid, signals::info_from_self(signal, SI_USER))) return 0;
  return next.get()(pid, signal);
}

GAMELAN_EXPORT int sigqueue(pid_t pid, int signal, const sigval value) {
  static constinit auto next = next_for(sigqueue, "sigqueue");
  if (signal > 0 && sched::is_started() && is_sent_here(pid, info_of_queue(signal, value))) return 0;
  return next.get()(pid, signal, value);
}

GAMELAN_EXPORT int tgkill(pid_t pid, pid_t tid, int signal) {
  static constinit Next<int (*)(pid_t, pid_t, int)> next{"tgkill"};
  if (pid != sys::current_pid() || !signals::is_goroutines_tid(tid)) return next.get()(pid, tid, signal);
  return static_cast<int>(finish(signals::send_to_tid(tid, nullptr, signal)));
}
