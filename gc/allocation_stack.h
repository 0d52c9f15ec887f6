// gc/allocation_stack.h: who allocates, here and now.
//
// How      three ways, the quickest first: a stack that was walked lately (stack_memo.h); the distances between return
//          addresses, learnt from earlier walks (frame_sizes.h); libunwind's unw_backtrace. That library is opened when we are loaded, for ourselves alone (RTLD_LOCAL): it exports `_Unwind_*` and `backtrace`,
//          which the program must have from elsewhere.
// Sampled  sample=BYTES: about one allocation per so many bytes, each byte with the same chance (a Poisson process).
// None     without libunwind.so.8, in a signal handler that interrupted another capture, before we are loaded.
// Threads  any; in a RuntimeSection, since libunwind takes locks.
// Source   libunwind(3), unw_backtrace(3).
#pragma once
#include "allocator/mspan.h"

namespace gamelan::gc::allocation_stack {

void open();                // at load, GC on
void ignore(int more);      // +1: what the thread allocates is of no interest, until as many -1
uint32_t take(Bytes n);     // for HeapHooks: a number of the stack depot, 0 for none, or
inline constexpr uint32_t kUnwinders = kStackIds - 1;  // libunwind's own memory
inline constexpr uint32_t kParents = kStackIds - 2;    // allocated before the process was forked
inline constexpr uint32_t kIgnored = kStackIds - 3;    // the program asked for it
inline constexpr uint32_t kOfNoInterest = kIgnored;    // from here on nobody reports it

}  // namespace gamelan::gc::allocation_stack
