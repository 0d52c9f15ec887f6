// allocator/mallocgc.h: the small-object path of the GC modes: allocation bits and a free index, no links in objects.
//
// Owns     the pools that side bitmaps come from.
// Locks    every call takes the lock of whoever holds the span (its cache, else its central): the marker and the
//          sweeper then always see bits that are true. About 10 ns more than the list path, which is the price of GC.
// Zero     freed objects are zeroed: stale words would hide leaks. So an allocated object of a used span is zero, too.
// Go       malloc.go mallocgc, nextFree; mbitmap.go.
#pragma once
#include "allocator/mcache.h"

namespace gamelan {

void* mallocgc(MCache* c, SizeClass k, Bytes n);                // of class `k`, for `n` bytes; nullptr: out of memory
void note_allocation(MSpan* s, size_t index, Bytes n, uint32_t stack);  // `s` of any kind; an object that stays anew
void freegc(void* p, MSpan* s, const char* call);               // small objects; catches every bad free
bool is_allocated(const MSpan* s, size_t index);                // by the bits; racy unless the holder's lock is held
void mallocgc_release_bits(MSpan* s);
Lock& mallocgc_pool_lock();  // for fork

}  // namespace gamelan
