#include "gc/leak_mode.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "allocator/base/lock.h"
#include "allocator/base/options.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"
#include "gc/allocation_stack.h"
#include "gc/leak_check.h"
#include "gc/leak_report.h"
#include "gc/live_check.h"
#include "gc/objects.h"
#include "sched/actions.h"
#include "sched/kernel_action.h"
#include "sched/own_descriptors.h"
#include "sched/preempt.h"
#include "sched/world.h"

#include <fcntl.h>

namespace gamelan::gc {

namespace {
constinit bool is_on = false;
constinit Atomic<int> checked_at_exit{0};
constinit OwnDescriptor stderr_copy;  // programs close theirs before they end

int number_of_stderr_copy() { return stderr_copy.number(); }

void keep_stderr() {
  const long fd = sys::call(SYS_fcntl, 2, F_DUPFD_CLOEXEC, 3);
  if (!sys::is_error(fd) && stderr_copy.adopt(static_cast<int>(fd))) output::other_stderr = number_of_stderr_copy;
}

// ---- signals that end the process ----

constexpr int kEnding[] = {SIGTERM, SIGINT, SIGHUP};

void set_action(int signal, uintptr_t handler) {
  const KernelAction action{handler, SA_RESTART | SA_ONSTACK | kHasRestorer, gamelan_restorer, 0};
  kernel_sigaction(signal, &action, nullptr);
}

// In the middle of the allocator nothing can be looked at: then the process just ends.
void on_ending_signal(int signal) {
  if (!locks_held && !checked_at_exit.exchange(1)) check_for_leaks("at a signal");
  set_action(signal, actions::kDefault);
  sys::call(SYS_kill, sys::current_pid(), signal);
}

void catch_ending_signals() {
  for (int signal : kEnding) {
    KernelAction now{};
    kernel_sigaction(signal, nullptr, &now);
    if (now.handler == actions::kDefault) set_action(signal, reinterpret_cast<uintptr_t>(&on_ending_signal));
  }
}

// With every register that a call preserves on this frame.
GAMELAN_NOINLINE void look(LeakFindings* found) {
  __builtin_unwind_init();
  if (!world::stop()) {
    found->failed = "a thread could not be stopped";
    return;
  }
  find_leaks(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - 128, found);
  world::start();
}
}  // namespace

void start_leak_mode() {
  is_on = world::is_watched = true;
  keep_stderr();
  live_check::open();
  preempt::install();
  allocation_stack::open();
  if (options().on_term) catch_ending_signals();
}

bool is_leak_mode() { return is_on; }

void forget_parents_blocks() {
  if (!is_on) return;
  checked_at_exit.store_relaxed(0);
  live_check::after_fork_in_child();
  for_each_object([](const ObjectRef& o) { note_allocation(o.span, o.index, bytes_of(o), allocation_stack::kParents); });
}

unsigned long check_for_leaks(const char* when) {
  LeakFindings found((Bytes{HeapWindow::pages} << kPageShift) / 16 + 1);
  if (!found.blocks.is_made()) found.failed = "no memory for the findings";
  else look(&found);
  return print_leaks(found, when).all_blocks();
}

int check_at_exit(int status) {
  if (!is_on || checked_at_exit.exchange(1)) return status;
  return check_for_leaks("at exit") && status == 0 ? static_cast<int>(options().exitcode) : status;
}

}  // namespace gamelan::gc

using namespace gamelan;

GAMELAN_EXPORT int __lsan_do_recoverable_leak_check() { return gc::is_leak_mode() && gc::check_for_leaks("as asked") ? 1 : 0; }
GAMELAN_EXPORT void __lsan_do_leak_check() {
  if (!gc::is_leak_mode()) return;
  const int status = gc::check_at_exit(0);
  if (!status) return;
  fflush(nullptr);
  sys::call(SYS_exit_group, status);
}

// Blocks that a thread allocates between the two are never reported. They nest.
GAMELAN_EXPORT void __lsan_disable() { gc::allocation_stack::ignore(+1); }
GAMELAN_EXPORT void __lsan_enable() { gc::allocation_stack::ignore(-1); }
GAMELAN_EXPORT void __lsan_ignore_object(const void* p) {
  if (!gc::is_leak_mode()) return;
  if (const ObjectRef o = gc::object_in_use(reinterpret_cast<uint64_t>(p)))
    note_allocation(o.span, o.index, gc::bytes_of(o), gc::allocation_stack::kIgnored);
}
