// preload/init.cc: six steps, timed for GODEBUG=inittrace=1.
#include "preload/init.h"

#include <elf.h>
#include <sched.h>

#include "allocator/base/environment.h"
#include "allocator/base/lock.h"
#include "allocator/base/mem.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"
#include "allocator/mcache.h"
#include "allocator/mheap.h"
#include "allocator/sys_memory.h"
#include "preload/exit_report.h"
#include "sched/helper_thread.h"
#include "sched/threads.h"
#include "shim/fork.h"

extern "C" {
// Every sanitizer runtime that brings an allocator defines it (and must keep its allocator): one lookup for all of them.
int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, size_t), void (*)(const volatile void*))
    __attribute__((weak));
}

namespace gamelan {

namespace {
enum : int { kNotBooted, kBooting, kBooted };
constinit Lock boot_lock{LockRank::boot};
constinit Atomic<int> boot_state{kNotBooted};
constinit Atomic<int> booting_tid{0};
constinit const char* why_inert = nullptr;
constinit Nanos boot_began = 0;

void set_text(char* to, size_t room, const char* text) {
  size_t i = 0;
  for (; text[i] && i + 1 < room; i++) to[i] = text[i];
  to[i] = 0;
}

// At load, since the program may have closed fd 2 by its first malloc.
__attribute__((constructor)) void at_load() { output::remember_stderr(); }

void osinit() {
  environment::find();
  sys::find_clock(environment::aux(AT_SYSINFO_EHDR));
  output::remember_stderr();
  options_load();
  if (options().off) why_inert = "GAMELAN=off";
  else if (environment::aux(AT_SECURE)) why_inert = "AT_SECURE";
  else if (__sanitizer_install_malloc_and_free_hooks) why_inert = "a sanitizer is loaded";
}

void schedinit() {
  unsigned n = options().gomaxprocs;
  if (!n) {
    uint64_t mask[16] = {};
    const long r = sys::call(SYS_sched_getaffinity, 0, sizeof mask, reinterpret_cast<long>(mask));
    for (uint64_t w : mask) n += static_cast<unsigned>(__builtin_popcountll(w));
    if (sys::is_error(r) || !n) n = 1;
  }
  gamelan_metrics.gomaxprocs = n;
}

void say_path_is_bitmap() {
  Line line;
  line.prefix().text("GAMELAN_OPTIONS: path=lists: a collector needs path=bitmap; using bitmap");
  output::write_line(line);
}

void mallocinit() {
  const auto wanted = static_cast<PathOption>(options().path);
  const bool has_gc = options().gc != GcMode::off;
  path_mode.bitmap = wanted == PathOption::bitmap || has_gc;
  if (has_gc && wanted == PathOption::lists) say_path_is_bitmap();
  path_mode.counting = options().stats != 0;
  path_mode.guard = has_gc;
  path_mode.stacks = has_gc;
  gamelan_metrics.path = path_mode.bitmap ? 2 : 1;
  uint64_t random = 0;
  if (const uint64_t at = environment::aux(AT_RANDOM)) mem::copy(&random, reinterpret_cast<void*>(at + 8), sizeof random);
  mheap.init(random);
}

void gcinit() { set_text(gamelan_metrics.gc, sizeof gamelan_metrics.gc, options().gc == GcMode::leak ? "leak" : "off"); }

void newproc_main() { threads::init_main(); }

void gcenable() {
  helper::enable();
  register_fork_handlers();
  register_exit_report();
}

struct Step {
  const char* name;
  void (*run)();
};
constexpr Step kSteps[] = {{"osinit", osinit},   {"schedinit", schedinit},  {"mallocinit", mallocinit},
                           {"gcinit", gcinit},   {"newproc", newproc_main}, {"gcenable", gcenable}};
constexpr int kStepCount = sizeof kSteps / sizeof kSteps[0];

// Go's format: init internal/bytealg @0.008 ms, 0 ms clock, 0 bytes, 0 allocs
void trace(const Step& step, Nanos at, Nanos clock, uint64_t bytes, uint64_t calls) {
  Line line;
  line.text("init ").text(step.name).text(" @").fixed(static_cast<uint64_t>(at - boot_began) / 1000).text(" ms, ")
      .fixed(static_cast<uint64_t>(clock) / 1000).text(" ms clock, ").dec(bytes).text(" bytes, ").dec(calls).text(" allocs");
  output::write_line(line);
}

void run_steps() {
  Nanos at[kStepCount + 1] = {};
  uint64_t bytes[kStepCount + 1] = {};
  at[0] = boot_began = sys::monotonic_now();
  for (int i = 0; i < kStepCount && !why_inert; i++) {
    kSteps[i].run();
    if (!options().inittrace) continue;
    at[i + 1] = sys::monotonic_now();
    bytes[i + 1] = metric_read(Metric::metadata);
  }
  if (!options().inittrace || why_inert) return;
  for (int i = 0; i < kStepCount; i++) trace(kSteps[i], at[i], at[i + 1] - at[i], bytes[i + 1] - bytes[i], 0);
}
}  // namespace

void boot() {
  if (GAMELAN_LIKELY(boot_state.load_acquire() == kBooted)) return;  // pairs: the store_release below
  // A libc function that boot calls may be somebody's who allocates: the late cache serves meanwhile.
  if (boot_state.load_relaxed() == kBooting && booting_tid.load_relaxed() == sys::current_tid()) return;
  Guard g(boot_lock);
  if (boot_state.load_relaxed() != kNotBooted) return;
  booting_tid.store_relaxed(sys::current_tid());
  boot_state.store_relaxed(kBooting);
  run_steps();
  publish_threads_mode("native", why_inert ? why_inert : "no thread yet");
  boot_state.store_release(kBooted);
}

bool is_inert() {
  if (GAMELAN_UNLIKELY(boot_state.load_acquire() != kBooted)) boot();
  return why_inert != nullptr;
}

bool is_booted() { return boot_state.load_acquire() == kBooted; }

}  // namespace gamelan
