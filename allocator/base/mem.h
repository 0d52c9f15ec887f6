// allocator/base/mem.h: our own mem*: libc's may be interposed, and are not yet relocated at the first malloc.
#pragma once
#include <stddef.h>

namespace gamelan::mem {

void zero(void* p, size_t n);
void copy(void* to, const void* from, size_t n);  // ranges do not overlap
void move(void* to, const void* from, size_t n);
bool equal(const void* a, const void* b, size_t n);
bool same_text(const char* a, const char* b);

}  // namespace gamelan::mem
