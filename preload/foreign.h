// preload/foreign.h: pointers that are not ours.
//
// Rule     a pointer that another loaded allocator owns is forwarded to it; one that nobody owns ends the process
//          with the call named. Owners: a second malloc library (dlsym's next `free`), and libc's own heap (memory
//          from __libc_malloc, or from before we were there).
#pragma once
#include "allocator/base/words.h"

namespace gamelan {

void foreign_free(void* p, const char* call);
Bytes foreign_usable_size(void* p, const char* call);
void* foreign_realloc(void* p, Bytes n);

}  // namespace gamelan
