// shim/blocking.h: calls that may block in the kernel for long, where no readiness can be waited for.
#pragma once
#include "allocator/base/words.h"
#include "sched/cancel.h"
#include "sched/sched.h"
#include "shim/next.h"

namespace gamelan {

// `f` as it stands behind us, while the caller's P runs other goroutines.
// Blocks   the G and its M.
template <class R, class... A>
R blocking(R (*f)(A...), A... a) {
  if (!can_park()) {
    sched::NativeCall call;
    return f(a...);
  }
  cancel::point();
  sched::BlockingCall section;
  return f(a...);
}

}  // namespace gamelan

// BLOCKING(int, fsync, (int fd), (fd))
#define GAMELAN_ARGS(...) __VA_ARGS__
#define BLOCKING(result, name, parameters, arguments)          \
  GAMELAN_EXPORT result name parameters {                      \
    static constinit auto next = next_for(::name, #name);      \
    return blocking(next.get(), GAMELAN_ARGS arguments);       \
  }
