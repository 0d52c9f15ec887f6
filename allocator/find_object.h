// allocator/find_object.h: from any 64-bit word to the object it points into.
//
// Contract never faults, takes no lock, is async-signal-safe, and is safe while spans are made and freed: a word may
//          then be answered for the span that was there a moment ago. Interior pointers count; one-past-end is the
//          caller's (ask for word - 1).
// Go       mbitmap.go findObject.
#pragma once
#include "allocator/mheap.h"

namespace gamelan {

struct ObjectRef {
  MSpan* span;  // nullptr: no object
  size_t index;
  explicit operator bool() const { return span != nullptr; }
  uintptr_t base() const { return span->state == SpanState::large ? span->base : span->object(index); }
  Bytes size() const { return span->state == SpanState::large ? span->bytes() : span->elem_size; }
};

inline ObjectRef find_object(uint64_t word) {
  const size_t page = HeapWindow::page_of(word);
  if (page >= __atomic_load_n(&HeapWindow::pages, __ATOMIC_ACQUIRE)) return {nullptr, 0};
  MSpan* s = HeapWindow::span_of(word);  // pairs: MHeap::set_spans release
  if (s->state == SpanState::dead || s->state == SpanState::spare) return {nullptr, 0};
  const size_t i = s->index_inside(word);
  if (i == MSpan::kNotAnObject || HeapWindow::span_of(word) != s) return {nullptr, 0};
  return {s, i};
}

}  // namespace gamelan
