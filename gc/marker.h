// gc/marker.h: from words to objects, from objects to their words: the tri-color mark.
//
// Colors   white: no mark bit. Grey: marked, in the work list or the prefetch ring. Black: marked, scanned.
// Scans    every 8-byte word of a range; whatever find_object knows counts, interior pointers too. (An object is a byte larger
//          than asked for in GC modes: a pointer past its end is still into it.)
// Memory   grey objects sit in a list as large as the heap could need; those popped wait in a ring of eight while their first
//          line is fetched.
// Threads  one; the world stands, or this is a frozen copy.
// Go       mgcmark.go scanblock, greyobject, gcDrain.
#pragma once
#include "gc/mark_bits.h"
#include "gc/objects.h"
#include "gc/off_heap_list.h"

namespace gamelan::gc {

class Marker {
 public:
  explicit Marker(MarkBits& bits);
  bool is_made() const { return grey_.is_made(); }

  void scan(uintptr_t low, uintptr_t high);  // marks what the words of a range point at; `low` is rounded up to 8
  void mark(uint64_t word);
  void scan_object(const ObjectRef& o) { scan(o.base(), o.base() + o.size()); }
  void drain();                              // until nothing is grey
  uint64_t marked() const { return marked_; }

 private:
  static constexpr unsigned kRing = 8;
  void scan_words(const uint64_t* at, const uint64_t* end);

  MarkBits& bits_;
  OffHeapList<uintptr_t> grey_;
  uint64_t marked_ = 0;
};

}  // namespace gamelan::gc
