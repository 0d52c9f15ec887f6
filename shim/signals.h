// shim/signals.h: the signal calls as the kernel has them (sets of 64 bits, -errno), for their names and for syscall(2).
#pragma once
#include <signal.h>
#include <string.h>
#include <time.h>

#include "sched/signals.h"

namespace gamelan::signals {

// Whether the caller's masks, stacks and queues are ours to keep: not a native thread's, nor a vfork's child's.
inline bool are_of_goroutine() { return self()->kind == GKind::goroutine && !self()->is_in_vfork(); }

inline uint64_t word_of(const sigset_t* set) {
  uint64_t w;
  memcpy(&w, set, sizeof w);
  return w;
}
inline void to_set(sigset_t* set, uint64_t w) {
  memset(set, 0, sizeof *set);
  memcpy(set, &w, sizeof w);
}

long change_mask(int how, const uint64_t* set, uint64_t* before);
long pending(uint64_t* set);
long change_altstack(const stack_t* now, stack_t* before);

// Blocks   the G and its M: the kernel knows who waits. Returns the signal, or -EAGAIN, -EINTR.
long wait_for(uint64_t set, siginfo_t* info, const timespec* time_out);
// Block    the G, until a handler has run. Return -EINTR.
long suspend(uint64_t mask);
long pause();

// Under another mask until its end, as pselect, ppoll and epoll_pwait want it. A handler that ran as the mask changed counts.
class OtherMask {
 public:
  explicit OtherMask(uint64_t mask);
  ~OtherMask();
  OtherMask(const OtherMask&) = delete;
  OtherMask& operator=(const OtherMask&) = delete;
  bool has_handled() const { return !is_seen(self()); }

 private:
  uint64_t before_;
  uint32_t seen_;
  bool watches_;
};

}  // namespace gamelan::signals
