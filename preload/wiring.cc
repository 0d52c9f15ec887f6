// preload/wiring.cc: the hook tables through which lower layers reach upper ones.
#include "allocator/base/metrics.h"
#include "allocator/hooks.h"
#include "gc/allocation_stack.h"
#include "gc/leak_mode.h"
#include "gc/live_check.h"
#include "preload/foreign.h"
#include "preload/init.h"
#include "sched/helper_thread.h"
#include "sched/hooks.h"
#include "sched/threads.h"
#include "shim/threads.h"

extern "C" void* __libc_malloc(size_t);

namespace gamelan {

namespace {
MCache* acquire_cache() {
  boot();
  return is_booted() ? threads::acquire_cache() : nullptr;
}

// The collector's trigger hangs here once there is one.
void before_refill(Bytes) { threads::mend_one(); }

void* inert_malloc(Bytes n) { return __libc_malloc(n); }
}  // namespace

constinit const HeapHooks heap_hooks = {
    .acquire_cache = acquire_cache,
    .allocation_stack = gc::allocation_stack::take,
    .before_refill = before_refill,
    .memory_could_go_home = helper::wanted,
    .foreign_free = foreign_free,
    .foreign_usable_size = foreign_usable_size,
    .is_inert = is_inert,
    .inert_malloc = inert_malloc,
};

constinit const SchedHooks sched_hooks = {
    .run_thread = run_thread,
    .cancel_self = cancel_self,
    .exit_process = exit_process,
    .check_requested = gc::live_check::asked,
    .forked_child = gc::forget_parents_blocks,
    .create_kernel_thread = create_kernel_thread,
};

}  // namespace gamelan
