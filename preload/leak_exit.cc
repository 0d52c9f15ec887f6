// preload/leak_exit.cc: the two ways in which a process ends by itself, and what is done on them.
//
// exit     our handler is registered when we are loaded, before every other's: it runs behind them all, and behind the
//          destructors of shared objects. Leaks are looked for then, when all that the program frees is freed.
// _exit    handlers do not run; statistics and leaks are told all the same.
// Source   on_exit(3), _exit(2).
#include <stdio.h>
#include <stdlib.h>

#include "allocator/base/options.h"
#include "allocator/base/syscall.h"
#include "gc/leak_mode.h"
#include "preload/exit_report.h"
#include "preload/init.h"
#include "sched/g.h"

using namespace gamelan;

namespace {
// libc has not flushed its streams yet, and will not, if this ends the process.
void behind_all(int status, void*) {
  const int told = gc::check_at_exit(status);
  if (told == status) return;
  fflush(nullptr);
  for (;;) sys::call(SYS_exit_group, told);
}

__attribute__((constructor)) void at_load() {
  if (!getenv("GAMELAN_GC") || is_inert() || options().gc != GcMode::leak) return;
  on_exit(behind_all, nullptr);
  gc::start_leak_mode();
}
}  // namespace

// A vfork's child has its parent's memory: nothing is told of that.
GAMELAN_EXPORT __attribute__((noreturn)) void _exit(int status) {
  if (GAMELAN_UNLIKELY(is_booted() && !is_inert() && !self()->is_in_vfork())) {
    report_at_exit();
    status = gc::check_at_exit(status);
  }
  for (;;) sys::call(SYS_exit_group, status);
}
GAMELAN_EXPORT_ALIAS(_Exit, _exit)
