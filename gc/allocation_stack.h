// gc/allocation_stack.h: who allocates, here and now.
//
// How      libunwind's unw_backtrace, whose table of frame layouts is warm after the first allocations from a place. The
//          library is opened when we are loaded, for ourselves alone (RTLD_LOCAL): it exports `_Unwind_*` and `backtrace`,
//          which the program must have from elsewhere.
// Sampled  sample=BYTES: about one allocation per so many bytes, each byte with the same chance (a Poisson process).
// None     without libunwind.so.8, in a signal handler that interrupted another capture, before we are loaded.
// Threads  any; in a RuntimeSection, since libunwind takes locks.
// Source   libunwind(3), unw_backtrace(3).
#pragma once
#include "allocator/base/words.h"

namespace gamelan::gc::allocation_stack {

void open();                // at load, GC on
bool is_open();
uint32_t take(Bytes n);     // for HeapHooks: a number of the stack depot, 0 for none

}  // namespace gamelan::gc::allocation_stack
