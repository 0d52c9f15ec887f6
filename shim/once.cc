// shim/once.cc: pthread_once, call_once.
//
// Owns     nothing. The word is glibc's: bit 1 done, bit 0 in progress, the rest how many forks lie behind whoever began.
// Unwound  an exception (C++'s call_once), pthread_exit or a cancellation that leaves the routine puts the word back and
//          wakes the waiters, one of which then runs it. We have no exceptions: the routine is called from a frame whose
//          personality is ours, and does that when the unwinder comes by.
// Source   POSIX.1-2017 pthread_once; C17 7.26.2.1; the Itanium C++ ABI, exception handling, 1.6 personality routines.
#include "shim/once.h"

#include <limits.h>
#include <pthread.h>
#include <threads.h>

#include "shim/in_front.h"

using namespace gamelan;

namespace {
constinit Next<int (*)(pthread_once_t*, void (*)())> next_once{"pthread_once"};

enum : int { kNotBegun = 0, kInProgress = 1, kDone = 2, kFork = 4 };
constinit int forks = 0;  // a multiple of kFork

using Word = Atomic<int>;

// The routines that the caller is in, innermost first.
struct Running {
  Word* word;
  Running* outer;
};
__thread Running* running __attribute__((tls_model("initial-exec")));

void end(Word* w, int state) {
  running = running->outer;
  w->store_seq(state);  // pairs: once's load_acquire
  parking_lot::wake(w, INT_MAX);
}
}  // namespace

// The unwinder's phases, and what says "go on".
enum : int { kCleanupPhase = 2, kContinueUnwind = 8 };

extern "C" __attribute__((visibility("hidden"), used)) int gamelan_once_personality(int, int actions, uint64_t, void*, void*) {
  if (actions & kCleanupPhase) end(running->word, kNotBegun);
  return kContinueUnwind;
}

extern "C" __attribute__((visibility("hidden"))) void gamelan_once_call(void (*init)());
__asm__(
    ".text\n"
    ".hidden gamelan_once_call\n"
    ".globl gamelan_once_call\n"
    ".type gamelan_once_call, @function\n"
    "gamelan_once_call:\n"
    ".cfi_startproc\n"
    ".cfi_personality 0x1b, gamelan_once_personality\n"  // relative to the place, four bytes
    "  sub $8, %rsp\n"
    ".cfi_adjust_cfa_offset 8\n"
    "  call *%rdi\n"
    "  add $8, %rsp\n"
    ".cfi_adjust_cfa_offset -8\n"
    "  ret\n"
    ".cfi_endproc\n"
    ".size gamelan_once_call, .-gamelan_once_call\n");

namespace {
// Whether the caller is the one to run the routine; if not, it is done.
bool begin(Word& w) {
  for (;;) {
    int state = w.load_acquire();  // pairs: end's store_seq
    if (state & kDone) return false;
    const int ours = forks | kInProgress;
    if (state == ours) parking_lot::wait({.address = &w, .reason = WaitReason::once}, static_cast<uint32_t>(ours));
    else if (w.compare_exchange(state, ours)) return true;
  }
}

GAMELAN_NOINLINE int once_slow(Word& w, void (*init)()) {
  if (!begin(w)) return 0;
  Running me{&w, running};
  running = &me;
  gamelan_once_call(init);
  end(&w, kDone);
  return 0;
}

int run(pthread_once_t* once, void (*init)()) {
  Word& w = *reinterpret_cast<Word*>(once);
  return GAMELAN_LIKELY(w.load_acquire() & kDone) ? 0 : once_slow(w, init);  // pairs: end's store_seq
}
}  // namespace

void once::after_fork_in_child() { forks += kFork; }

// Blocks   the G, while another one runs the routine. Returns 0.
GAMELAN_EXPORT int pthread_once(pthread_once_t* once, void (*init)()) { return in_front<next_once, run>(once, init); }

// libc exports it for programs linked against an old libpthread.
GAMELAN_EXPORT_ALIAS(__pthread_once, pthread_once)

static_assert(sizeof(once_flag) == sizeof(pthread_once_t));
GAMELAN_EXPORT void call_once(once_flag* flag, void (*init)()) {
  pthread_once(reinterpret_cast<pthread_once_t*>(flag), init);
}
