// shim/fork.cc: helper -> threads -> heap, and back.
#include "shim/fork.h"

#include <initializer_list>

#include "allocator/base/lock.h"
#include "allocator/base/metrics.h"
#include "allocator/fork.h"
#include "sched/helper_thread.h"
#include "sched/hooks.h"
#include "sched/sched.h"
#include "sched/threads.h"
#include "shim/once.h"

extern "C" int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* dso);

namespace gamelan {

namespace {
// fork from a signal handler that interrupted one of our slow paths: our locks cannot be had. Nothing is done, and the
// child may do what POSIX allows it there: async-signal-safe calls, exec.
__thread bool skipped __attribute__((tls_model("initial-exec")));

constinit ThreadRecord* kept = nullptr;

void prepare() {
  skipped = locks_held != 0;
  if (skipped) return;
  helper::before_fork();
  threads::before_fork();
  kept = sched::before_fork();
  heap_before_fork();
}

void parent() {
  if (skipped) return;
  heap_after_fork_in_parent();
  threads::after_fork(false, kept);
  helper::after_fork(false);
  sched::after_fork_in_parent();
}

void child() {
  once::after_fork_in_child();
  if (skipped) return;
  // The child reports its own calls only. (A thread that was about to make another one is not here to finish.)
  for (Metric m : {Metric::counted_allocs, Metric::counted_frees, Metric::counted_bytes, Metric::pthread_creates,
                   Metric::threads_created, Metric::goroutines_created})
    metric_sub(m, metric_read(m));
  heap_after_fork_in_child();
  threads::after_fork(true, kept);
  sched::after_fork_in_child();
  helper::after_fork(true);
  sched_hooks.forked_child();
}
}  // namespace

// A null dso: the handlers are never unregistered, as we are never unloaded.
void register_fork_handlers() { __register_atfork(prepare, parent, child, nullptr); }

}  // namespace gamelan
