// shim/timer.cc: timer_create(2) for a thread: SIGEV_THREAD_ID.
//
// Kernel state   such a timer belongs to a kernel thread: the caller is wired to its M. The main goroutine gets one for the
//                process, for whose signals it stands first. For another goroutine than the caller there is none: EINVAL.
// Source         timer_create(2).
#include <signal.h>
#include <time.h>

#include "allocator/base/syscall.h"
#include "sched/sched.h"
#include "shim/next.h"
#include "shim/signals.h"
#include "shim/timer.h"

using namespace gamelan;

namespace gamelan::signals {

sigevent on_own_thread(const sigevent& wanted) {
  sigevent event = wanted;
  const G* g = self();
  if (event.sigev_notify != SIGEV_THREAD_ID || event._sigev_un._tid != g->tid) return event;
  if (g == sched::main_goroutine()) {
    event.sigev_notify = SIGEV_SIGNAL;
    return event;
  }
  sched::lock_os_thread();
  event._sigev_un._tid = sys::current_tid();
  return event;
}

}  // namespace gamelan::signals

GAMELAN_EXPORT int timer_create(clockid_t clock, sigevent* wanted, timer_t* timer) {
  static constinit Next<int (*)(clockid_t, sigevent*, timer_t*)> next{"timer_create"};
  if (!wanted || !signals::are_of_goroutine()) return next.get()(clock, wanted, timer);
  sigevent event = signals::on_own_thread(*wanted);
  return next.get()(clock, &event, timer);
}
