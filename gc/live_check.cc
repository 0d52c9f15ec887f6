#include "gc/live_check.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocator/base/lock.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"
#include "gc/leak_check.h"
#include "gc/leak_report.h"
#include "sched/own_descriptors.h"
#include "sched/world.h"

namespace gamelan::gc::live_check {

namespace {
constinit OwnDescriptor report_file;
constinit Atomic<uint32_t> checks{0};  // asked for so far
constinit Atomic<bool> busy{false};
constinit long copy = 0;               // its process id; under `busy`
constexpr int kNiceness = 15;          // of the copy: the program goes first

// fork(2) without handlers, and without a signal at the child's end.
long fork_quietly() { return sys::call(SYS_clone, 0, 0, 0, 0, 0); }

void begin_report(uint32_t number) {
  Line line;
  line.text("check ").dec(number).text(" begun\n");
  sys::call(SYS_ftruncate, report_file.number(), 0);
  sys::call(SYS_pwrite64, report_file.number(), reinterpret_cast<long>(line.data()), static_cast<long>(line.size()), 0);
  sys::call(SYS_lseek, report_file.number(), static_cast<long>(line.size()), SEEK_SET);
}

// The copy. Nobody else runs in it, and nobody else's lock is held: the world stood when it was made.
[[noreturn]] void look_and_end(uintptr_t own_sp) {
  sys::call(SYS_setpriority, PRIO_PROCESS, 0, kNiceness);
  LeakFindings found((Bytes{HeapWindow::pages} << kPageShift) / 16 + 1);
  if (!found.blocks.is_made()) found.failed = "no memory for the findings";
  else find_leaks(own_sp, &found);
  output::only_to(report_file.number());
  print_leaks(found, "as checked", FrameNames::offsets);
  for (;;) sys::call(SYS_exit_group, 0);
}

GAMELAN_NOINLINE void snapshot() {
  __builtin_unwind_init();
  const auto own_sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) - 128;
  if (!world::stop()) return;
  begin_report(checks.fetch_add(1) + 1);
  copy = fork_quietly();
  if (copy == 0) look_and_end(own_sp);
  world::start();
}

// The last copy has ended, or there is none.
bool reap() {
  if (copy > 0 && sys::call(SYS_wait4, copy, 0, __WALL | WNOHANG, 0) == 0) return false;
  copy = 0;
  return true;
}
}  // namespace

void open() {
  const long fd = sys::call(SYS_memfd_create, reinterpret_cast<long>("gamelan-leaks"), MFD_CLOEXEC);
  if (!sys::is_error(fd)) report_file.adopt(static_cast<int>(fd));
}

void asked(bool only_to_reap) {
  const bool in_our_code = locks_held || (self()->in_runtime.load_relaxed() && self()->kind != GKind::scheduler);
  if ((in_our_code && !only_to_reap) || report_file.number() < 0 || busy.exchange(true)) return;
  if (reap() && !only_to_reap) snapshot();
  busy.store_seq(false);
}

void after_fork_in_child() {
  if (report_file.number() < 0) return;
  report_file.close();
  busy.store_relaxed(false);
  copy = 0;
  open();
}

}  // namespace gamelan::gc::live_check
