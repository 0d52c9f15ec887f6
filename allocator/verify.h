// allocator/verify.h: the heap verifier: every invariant of mspan.h and page_alloc.h that a cache's holder can check.
#pragma once
#include "allocator/mcache.h"

namespace gamelan {

// Under `c`'s lock, by its holder: every span's list, marks, credit and place; the page tree. Any fault is fatal.
void verify_locked(MCache* c);
void verify_now_and_then_locked(MCache* c);  // each verify=N-th call

}  // namespace gamelan
