// sched/actions.h: what the program wants done with each signal, and what the kernel is told instead.
//
// Owns     the program's actions, from the scheduler's start on. Where the program has a handler the kernel has ours
//          (deliver.h), with the same flags but SA_RESETHAND and SA_NODEFER, and every signal blocked: the program's
//          handler is called where, when and with the mask it ought to see. Default and ignored stay the kernel's.
// Locks    one spin lock; holders have every signal blocked. Async-signal-safe, as sigaction(2) is.
// Unseen   a handler that somebody gave the kernel behind our back runs as it comes.
#pragma once
#include <stdint.h>

namespace gamelan::actions {

inline constexpr uintptr_t kDefault = 0, kIgnore = 1;  // SIG_DFL, SIG_IGN; above: a handler

struct Action {
  uintptr_t handler;
  unsigned long flags;
  uint64_t mask;
};

bool are_ours();                 // taken over: the functions below may be called
void take_over();                // when the scheduler starts: what is installed by then becomes the program's
// sigaction(2): 0 or an errno. In a vfork's child, whose actions are the kernel's own copy, nothing is remembered.
int change(int signal, const Action* now, Action* before);

uintptr_t handler_of(int signal);
bool ignores(int signal);        // by the program's wish or by default
// For the call of a handler, every signal blocked: SA_RESETHAND takes effect.
Action begin(int signal);

}  // namespace gamelan::actions
