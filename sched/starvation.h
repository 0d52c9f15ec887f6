// sched/starvation.h: a goroutine that could run and does not, for 10 s: one line and the dump, once per process.
//
// How      once a second sysmon notes, of each queue, how many Gs have left it so far. A queue that is never empty and that
//          nobody leaves for ten looks in a row holds a starving G at its head. Looks are counted, not seconds: a process
//          that was stopped for an hour has starved nobody.
// Costs    those who run: nothing.
#pragma once
#include <stdint.h>

#include "allocator/base/words.h"

namespace gamelan {

// Pure: whether the same mark was seen often enough. 0 is no mark: nothing waits there.
class StandingStill {
 public:
  static constexpr unsigned kLooks = 10;
  bool look(uint64_t mark) {
    seen_ = mark && mark == mark_ ? seen_ + 1 : 0;
    mark_ = mark;
    return seen_ == kLooks;
  }

 private:
  uint64_t mark_ = 0;
  unsigned seen_ = 0;
};

namespace starvation {
void look(Nanos now);  // sysmon
}

}  // namespace gamelan
