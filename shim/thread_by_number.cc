// shim/thread_by_number.cc: the calls by syscall(2) that ask or tell the kernel something of the calling thread.
//
// Kernel state   the address that is cleared at a thread's end, and the list of robust mutexes, are a kernel thread's: of a
//                goroutine we keep the first, and the second is the one in its struct pthread (a list of its own wires it).
// Source         set_tid_address(2), get_robust_list(2), gettid(2).
#include <errno.h>

#include "sched/sched.h"
#include "sched/signals.h"
#include "sched/tcb.h"
#include "shim/by_number.h"
#include "shim/io_call.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
template <class F>
void* address_of(F f) { return reinterpret_cast<void*>(+f); }

long clear_at_end(long, long address) {
  G* g = self();
  g->clear_at_end = reinterpret_cast<int*>(address);
  return g->tid;
}

long get_robust_list(long n, long tid, long head, long size) {
  const G* g = tid == 0 ? self() : signals::find_by_tid(static_cast<int>(tid));
  if (!g || !tcb::robust_list(g->fs)) return finish(sys::call(n, tid, head, size));
  if (!head || !size) return finish(-EFAULT);
  *reinterpret_cast<uintptr_t*>(head) = tcb::robust_list(g->fs);
  *reinterpret_cast<size_t*>(size) = tcb::kRobustListSize;
  return 0;
}

long set_robust_list(long n, long head, long size) {
  if (static_cast<size_t>(size) != tcb::kRobustListSize) return finish(-EINVAL);
  if (static_cast<uintptr_t>(head) == tcb::robust_list(self()->fs)) return 0;
  sched::lock_os_thread();
  return finish(sys::call(n, head, size));
}
}  // namespace

void* gamelan::io::thread_by_number(long n) {
  if (self()->kind != GKind::goroutine) return nullptr;
  switch (n) {
    case SYS_gettid: return address_of([](long) -> long { return self()->tid; });
    case SYS_set_tid_address: return address_of(clear_at_end);
    case SYS_get_robust_list: return address_of(get_robust_list);
    case SYS_set_robust_list: return address_of(set_robust_list);
    default: return nullptr;
  }
}
