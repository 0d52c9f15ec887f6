// shim/in_front.h: an exported function's one line: ours in goroutine mode, else what is behind us.
//
// Written so that the goroutine's way needs no stack frame, and the native one is a load and a tail jump.
#pragma once
#include "sched/sched.h"
#include "shim/next.h"

namespace gamelan {

template <auto& next, auto ours, class... A>
GAMELAN_NOINLINE auto decide_first(A... a) {
  return sched::is_goroutine_mode() ? ours(a...) : next.get()(a...);
}

// `next` is the Next of the exported function, `ours` the function that does its work in goroutine mode.
template <auto& next, auto ours, class... A>
inline auto in_front(A... a) {
  if (GAMELAN_LIKELY(sched::threads_mode == sched::Mode::goroutine)) return ours(a...);
  const auto behind = next.found();
  if (GAMELAN_LIKELY(sched::threads_mode == sched::Mode::native && behind)) return behind(a...);
  return decide_first<next, ours>(a...);
}

template <auto& next, auto ours, class... A>
GAMELAN_NOINLINE auto wait_first(A... a) {
  return sched::is_goroutine_mode() ? ours(a...) : next.waits(a...);
}

// For functions that may wait: a native thread says so where a collector is on.
template <auto& next, auto ours, class... A>
inline auto wait_in_front(A... a) {
  if (GAMELAN_LIKELY(sched::threads_mode == sched::Mode::goroutine)) return ours(a...);
  const auto behind = next.found();
  if (GAMELAN_LIKELY(sched::threads_mode == sched::Mode::native && behind && !world::is_watched)) return behind(a...);
  return wait_first<next, ours>(a...);
}

}  // namespace gamelan
