// allocator/purge.h: memory that goes home from inside a span.
//
// A span that stays for a few live objects need not keep the memory of its dead ones. Only for spans that a central
// holds, under its lock: there no fast path can touch a list.
// Lists    objects behind the last one in use leave the list and count as never carved; of other free objects of two
//          kernel pages or more, all goes but the page that holds the link.
// Bitmap   every kernel page without an allocated object goes: freed objects are zero, and so is what comes back.
// Go       has none: its spans are 8 KiB, and its collector empties them.
#pragma once
#include "allocator/mspan.h"

namespace gamelan {

Bytes purge_span(MSpan* s);  // bytes given back

}  // namespace gamelan
