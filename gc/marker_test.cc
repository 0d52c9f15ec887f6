#include "gc/marker.h"

#include <string.h>

#include "tests/unit/heap.h"

using namespace gamelan;
using gc::MarkBits;
using gc::Marker;

namespace {
struct Node {
  Node* next;
  uint64_t more[5];
};
Node* node(Node* next = nullptr) {
  auto* n = static_cast<Node*>(heap_malloc(sizeof(Node)));
  memset(n, 0, sizeof *n);
  n->next = next;
  return n;
}
uintptr_t at(const void* p) { return reinterpret_cast<uintptr_t>(p); }

struct Mark {
  MarkBits bits;
  bool has_bits = bits.make();
  Marker marker{bits};
  Mark() { cr_assert(has_bits && marker.is_made()); }
  void from(const void* low, size_t bytes) {
    marker.scan(at(low), at(low) + bytes);
    marker.drain();
  }
  bool is_marked(const void* p) const { return bits.is_set(at(p)); }
};
}  // namespace

Test(marker, everything_that_a_root_leads_to_is_marked_once) {
  test::start_heap(true);
  Node *c = node(), *b = node(c), *a = node(b), *other = node(a);
  c->next = a;  // a ring
  Mark mark;
  void* const roots[] = {a, nullptr, c};
  mark.from(roots, sizeof roots);
  cr_assert(mark.is_marked(a) && mark.is_marked(b) && mark.is_marked(c) && !mark.is_marked(other));
  cr_assert(mark.marker.marked() == 3);
}

Test(marker, interior_pointers_count_and_free_objects_do_not) {
  test::start_heap(true);
  Node *a = node(), *gone = node(), *large = static_cast<Node*>(heap_malloc(100'000)), *held = node();
  memset(large, 0, 100'000);
  large[700].next = held;
  heap_free(gone, "free");
  Mark mark;
  const uint64_t roots[] = {at(&a->more[4]), at(gone), at(large) + 99'999, 42, ~uint64_t{0}};
  mark.from(roots, sizeof roots);
  cr_assert(mark.is_marked(a) && !mark.is_marked(gone) && mark.is_marked(large) && mark.is_marked(held));
  cr_assert(mark.marker.marked() == 3);
}

Test(marker, words_that_are_not_aligned_are_not_looked_at) {
  test::start_heap(true);
  Node* a = node();
  alignas(8) char bytes[24] = {};
  memcpy(bytes + 3, &a, sizeof a);
  Mark mark;
  mark.from(bytes, sizeof bytes);
  cr_assert(!mark.is_marked(a));
}

Test(marker, long_lists_need_no_stack) {
  test::start_heap(true);
  Node* first = nullptr;
  for (int i = 0; i < 300'000; i++) first = node(first);
  Mark mark;
  mark.from(&first, sizeof first);
  cr_assert(mark.marker.marked() == 300'000);
}

Test(mark_bits, are_set_once_and_cleared) {
  test::start_heap(true);
  Node *a = node(), *b = node();
  MarkBits bits;
  cr_assert(bits.make() && bits.covers(at(a)) && !bits.covers(at(a) + kZoneSize));
  cr_assert(bits.set(at(a)) && !bits.set(at(a)) && bits.is_set(at(a)) && !bits.is_set(at(b)));
  bits.clear(at(a));
  cr_assert(!bits.is_set(at(a)));
}
