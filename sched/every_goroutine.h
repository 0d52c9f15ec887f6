// sched/every_goroutine.h: a walk over the goroutines there are, for those who only look.
//
// Locks    none: slots are type-stable, and what is read of a G may be a moment old.
// Go       proc.go forEachG.
#pragma once
#include "sched/slots.h"
#include "sched/state.h"

namespace gamelan::sched {

template <class F>
void for_each_goroutine(F f) {
  G* main = state.main;
  bool saw_main = false;
  SlotPool::for_each_g([&](G* g) {
    const GState s = g->state.load_relaxed();
    if (g->kind != GKind::goroutine || s == GState::none || s == GState::idle) return;
    saw_main |= g == main;
    f(g);
  });
  if (main && !saw_main) f(main);
}

}  // namespace gamelan::sched
