// allocator/bad_free.h: the program freed something it must not: one line with address, size class and call; abort.
#pragma once
#include "allocator/mspan.h"

namespace gamelan::bad_free {

[[noreturn]] void double_free(const void* p, const MSpan* s, const char* call);
[[noreturn]] void interior(const void* p, const MSpan* s, const char* call);
[[noreturn]] void foreign(const void* p, const char* call);
[[noreturn]] void written_after_free(const MSpan* s, const FreeObject* p);

}  // namespace gamelan::bad_free
