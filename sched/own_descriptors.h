// sched/own_descriptors.h: the descriptors that are ours and not the program's.
//
// Owns     up to eight `OwnDescriptor`s. They sit high and close at exec, so that the program's lowest free number is what
//          it would be without us; what closes or replaces descriptors steps round them (shim/descriptors.cc).
// Threads  any.
#pragma once
#include "allocator/base/atomic.h"

namespace gamelan {

class OwnDescriptor {
 public:
  // Takes over a fresh descriptor: moved up, the low number closed. False where there is no number for it.
  bool adopt(int fd);
  void move_away();              // the program wants this very number
  void close();
  int number() const { return number_.load_acquire(); }  // -1: none

 private:
  Atomic<int> number_{-1};
  bool listed_ = false;
};

namespace own_descriptors {
OwnDescriptor* find(int fd);     // nullptr: not ours
int lowest_from(int fd);         // our lowest number that is not below `fd`; INT_MAX: none
void after_fork_in_child();
}  // namespace own_descriptors

}  // namespace gamelan
