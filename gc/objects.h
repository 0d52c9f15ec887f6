// gc/objects.h: the objects of the heap, while nobody changes it, and what is noted of each.
#pragma once
#include "allocator/find_object.h"
#include "allocator/mallocgc.h"

namespace gamelan::gc {

// As asked for.
inline Bytes bytes_of(const ObjectRef& o) {
  if (o.span->state == SpanState::large) return o.span->requested - path_mode.guard;
  if (!o.span->stack_ids) return o.size() - path_mode.guard;
  return o.size() - AllocationNote::from(o.span->stack_ids[o.index]).slack * note_unit(o.span->elem_size);
}

inline uint32_t stack_of(const ObjectRef& o) {
  if (o.span->state == SpanState::large) return path_mode.stacks ? o.span->live : 0;
  return o.span->stack_ids ? AllocationNote::from(o.span->stack_ids[o.index]).stack : 0;
}

// f(ObjectRef) of every object in use.
template <class F>
void for_each_object(F f) {
  mheap.for_each_span_locked([&f](MSpan* s) {
    if (s->state == SpanState::large) return f(ObjectRef{s, 0});
    if (s->state == SpanState::spare || !s->alloc_bits) return;
    for (size_t i = 0; i < s->nelems; i++)
      if (is_allocated(s, i)) f(ObjectRef{s, i});
  });
}

// An object in use that `word` points into.
inline ObjectRef object_in_use(uint64_t word) {
  const ObjectRef o = find_object(word);
  return o && is_allocated(o.span, o.index) ? o : ObjectRef{nullptr, 0};
}

}  // namespace gamelan::gc
