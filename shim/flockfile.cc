// shim/flockfile.cc: flockfile. ftrylockfile and funlockfile neither block nor wait for anybody, and stay libc's.
//
// libc locks streams by itself in every stdio call, out of our sight: the lock stays its own, its owner the thread pointer,
// which each G has. Here a G tries, and lets others run meanwhile: longer and longer, as the holder may be in a read.
// Source   flockfile(3).
#include <stdio.h>

#include "allocator/base/syscall.h"
#include "shim/in_front.h"

using namespace gamelan;

namespace {
constinit Next<void (*)(FILE*)> next_flockfile{"flockfile"};

// Some yields first, then naps from 10 us up to 1 ms.
void let_others_run(int attempt) {
  constexpr int kYields = 20;
  if (attempt < kYields) return sched::yield();
  const Nanos nap = min_of<Nanos>(kMilli, 10'000 * (attempt - kYields + 1));
  sched::sleep_until(sys::monotonic_now() + nap, false);
}

void lock(FILE* f) {
  if (!can_park()) return next_flockfile.get()(f);
  for (int attempt = 0; ftrylockfile(f) != 0; attempt++) let_others_run(attempt);
}
}  // namespace

// Blocks   the G, while another thread has the stream.
GAMELAN_EXPORT void flockfile(FILE* f) { in_front<next_flockfile, lock>(f); }

GAMELAN_EXPORT_ALIAS(_IO_flockfile, flockfile)
