// shim/sigaction.cc: installing handlers, and jumping out of them.
//
// Source   POSIX.1-2017 sigaction, signal, siglongjmp; signal(2) for which of the two meanings signal() has.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "sched/handlers.h"
#include "sched/sched.h"
#include "sched/signals.h"
#include "shim/next.h"
#include "shim/threads.h"

using namespace gamelan;

namespace {
constinit Next<int (*)(int, const struct sigaction*, struct sigaction*)> next_sigaction{"sigaction"};

bool is_kept() { return sched::is_started() && !self()->in_vfork.load_relaxed(); }
}  // namespace

namespace gamelan {

int get_action(int signal, struct sigaction* act) { return next_sigaction.get()(signal, nullptr, act) ? errno : 0; }
int set_action(int signal, const struct sigaction* act) { return next_sigaction.get()(signal, act, nullptr) ? errno : 0; }

}  // namespace gamelan

GAMELAN_EXPORT int sigaction(int signal, const struct sigaction* act, struct sigaction* before) {
  if (!is_kept()) return next_sigaction.get()(signal, act, before);
  const int e = handlers::set(signal, act, before);
  if (!e) return 0;
  errno = e;
  return -1;
}

// BSD's meaning, glibc's default: the handler stays, and calls go on.
GAMELAN_EXPORT sighandler_t signal(int number, sighandler_t handler) {
  static constinit Next<sighandler_t (*)(int, sighandler_t)> next{"signal"};
  if (!is_kept()) return next.get()(number, handler);
  struct sigaction act{}, before{};
  act.sa_handler = handler;
  act.sa_flags = SA_RESTART;
  sigaddset(&act.sa_mask, number);
  return sigaction(number, &act, &before) ? SIG_ERR : before.sa_handler;
}

// System V's: once, and calls end.
GAMELAN_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) {
  static constinit Next<sighandler_t (*)(int, sighandler_t)> next{"__sysv_signal"};
  if (!is_kept()) return next.get()(number, handler);
  struct sigaction act{}, before{};
  act.sa_handler = handler;
  act.sa_flags = SA_RESETHAND | SA_NODEFER;
  return sigaction(number, &act, &before) ? SIG_ERR : before.sa_handler;
}

// ---- siglongjmp puts a mask back, inside libc ----
namespace {
void note_saved_mask(const __jmp_buf_tag* env) {
  G* g = self();
  if (!env->__mask_was_saved || g->kind != GKind::goroutine || g->in_runtime.load_relaxed()) return;
  uint64_t mask;
  memcpy(&mask, &env->__saved_mask, sizeof mask);
  signals::note_mask(g, mask);
}
}  // namespace

#define JUMP(name)                                                     \
  GAMELAN_EXPORT void name(__jmp_buf_tag* env, int value) {            \
    static constinit Next<void (*)(__jmp_buf_tag*, int)> next{#name};  \
    note_saved_mask(env);                                              \
    next.get()(env, value);                                            \
    __builtin_unreachable();                                           \
  }
JUMP(longjmp)
JUMP(siglongjmp)
JUMP(__longjmp_chk)
