// allocator/caller.h: where the program called an allocation function, for whoever keeps allocation stacks.
//
// Owns     `allocation_caller`: the return address, and the stack pointer behind it (the DWARF's CFA). Written by the slow halves
//          of exported functions that are entered by a jump, so that both are the program's; pc 0: not known.
// Threads  each its own; valid until the allocation is noted.
#pragma once
#include <stdint.h>

#include "allocator/mcache.h"

namespace gamelan {

struct Caller {
  uintptr_t pc, cfa;
};
extern __thread Caller allocation_caller __attribute__((tls_model("initial-exec"), visibility("hidden")));

// In a function that the exported one jumped to.
__attribute__((always_inline)) inline void note_caller() {
  if (GAMELAN_LIKELY(!path_mode.stacks)) return;
  allocation_caller = {reinterpret_cast<uintptr_t>(__builtin_return_address(0)),
                       reinterpret_cast<uintptr_t>(__builtin_frame_address(0)) + 16};
}

}  // namespace gamelan
