// allocator/mspan.h: a run of pages that holds objects of one size.
//
// Owns     the span's descriptor: 192 bytes, off-heap, never unmapped, reused only as an MSpan (type-stable).
// Lines    0: what tells a free() of another thread whose the span is: read by all. 1: all that malloc and the holder's
//          free touch, without a lock. 2: what others write. One line for 0 and 1 made a remote free cost 55 ns instead of
//          12 (two threads that free each other's objects): the holder's every malloc took the line away.
// Go       mheap.go mspan, mspanset.go.  Differs: an owner and free lists; Go frees by sweeping only.
//
// States, and who may move a span on (with which lock):
//
//   dead      in MHeap's pool of descriptors, or being made          MHeap::alloc_span -> partial, large
//   current   an MCache allocates from it                            MCache::make_current, retire (mcache)
//   partial   has free objects; in a cache's or central's list       MCache::take_span (mcache, mcentral)
//   full      had none when last looked at; in a list                MCache::unfill (mcache), MCentral::settle
//   empty     nothing lives, but it is still expected in the inbox    MCache::release (mcache)
//   spare     empty, kept by a cache for its next class              MCache::release, take_span (mcache)
//   large     one object, a span of its own                          MHeap::alloc_large, free_large (mheap)
//
// Credit   the frees that may pass before one has to be looked at. current: kNever, which is only a while. full, spare:
//          0. partial: all but the last of the objects that are not on the local free list. It is kept in units, and
//          free() compares the product that tells the start of an object with it: any number of frees more than 0 is
//          above every good product and below every bad one. So "may I, and is the span empty then?" is one question.
#pragma once
#include "allocator/base/atomic.h"
#include "allocator/size_classes.h"

namespace gamelan {

class MCache;

// A free object. `mark` tells it from one in use: free() finds a second free by it, malloc() a write after free.
struct FreeObject {
  FreeObject* next;
  uint64_t mark;
};

// Sign-extended from 32 bits, so that it is an immediate operand; odd, so that no number of malloc's subtractions
// from a sentinel's mark comes back to it.
inline constexpr uint64_t kFreeMark = 0xffffffffa5f00d5b;

enum class SpanState : uint8_t { dead, current, partial, full, empty, spare, large };

inline constexpr uint64_t kNever = 1023 * kCreditUnit;

// Remote frees: a stack of objects, its length, and whether the span is on its way to its owner's inbox.
class RemoteWord {
 public:
  static constexpr uint64_t kQueued = uint64_t{1} << 63;
  constexpr RemoteWord(uint64_t w) : w_(w) {}
  RemoteWord(FreeObject* head, uint64_t count, bool queued)
      : w_(reinterpret_cast<uint64_t>(head) | count << 48 | (queued ? kQueued : 0)) {}
  FreeObject* head() const { return reinterpret_cast<FreeObject*>(w_ & 0xffffffffffff); }
  uint64_t count() const { return w_ >> 48 & 0x7fff; }
  bool queued() const { return w_ & kQueued; }
  uint64_t word() const { return w_; }

 private:
  uint64_t w_;
};

// Who allocated an object, and how many of its bytes were not asked for (in units of note_unit): 32 bits.
inline constexpr unsigned kStackIdBits = 22;
inline constexpr uint32_t kStackIds = 1u << kStackIdBits;
constexpr uint32_t note_unit(uint32_t elem_size) { return elem_size <= 8192 ? 1 : 8; }
struct AllocationNote {
  uint32_t stack;
  uint32_t slack;
  uint32_t packed() const { return slack << kStackIdBits | stack; }
  static AllocationNote from(uint32_t w) { return {w & (kStackIds - 1), w >> kStackIdBits}; }
};

struct alignas(64) MSpan {
  // Line 0: read by whichever thread frees here; written when the span changes hands.
  uintptr_t base;
  uint32_t npages;
  uint32_t elem_size;
  Atomic<MCache*> cache;        // whose lock guards the lists; nullptr: MCentral's, or MHeap's where large
  Bytes requested;              // large: bytes asked for
  uint32_t sweepgen;            // Go's: relative to MHeap::sweepgen
  uint32_t live;                // in a central: the objects not on the local free list. large: who allocated it
  uint16_t nelems;
  SizeClass size_class;
  SpanState state;
  uint8_t needzero;             // the pages held data before (Go's mspan.needzero)
  uint8_t moved;                // its pages came by mremap: a mapping of their own
  uint8_t purged;               // in a central: its free objects' memory went home

  // Line 1: the holder's alone.
  alignas(64) FreeObject* free; // ends at &sentinel
  uintptr_t start;              // `base` again, here for free()
  uint64_t magic;               // of the class, likewise
  uint64_t credit;              // frees that may pass, times kCreditUnit
  FreeObject sentinel;          // the end of `free`: its mark never is kFreeMark
  MSpan* next;
  MSpan* prev;

  // Line 2: other threads' frees; mallocgc's side data, made on demand.
  alignas(64) Atomic<uint64_t> remote;  // a RemoteWord
  MSpan* inbox_next;
  uint64_t* alloc_bits;         // bit set: in use
  uint64_t* mark_bits;          // this cycle's
  uint64_t* freed_bits;         // freed while marking
  uint32_t* stack_ids;          // an AllocationNote per object, where they are taken
  uint16_t carved;              // objects [0, carved) have been on a free list; the rest were never touched
  uint16_t free_index;          // no free object below
  uint16_t alloc_count;

  Bytes bytes() const { return Bytes{npages} << kPageShift; }
  uintptr_t end() const { return base + bytes(); }
  bool is_empty_list() const { return free == &sentinel; }
  uintptr_t object(size_t i) const { return base + i * elem_size; }

  // That `a` is the start of an object here, and that its free may pass unseen. For any `a` that OwnSpans led here.
  bool may_free(uintptr_t a) const { return (a - start) * magic < credit; }

  // Of a partial span in a cache: the objects that are not on its local list; at least one.
  void set_local_live(uint64_t n) { credit = (n - 1) * kCreditUnit; }
  uint64_t local_live() const {
    const uint64_t frees = __atomic_load_n(&credit, __ATOMIC_RELAXED) / kCreditUnit;
    return state == SpanState::full ? nelems : state == SpanState::empty ? 0 : frees + 1;
  }

  void set_free_list_empty() {
    sentinel = {&sentinel, 0};
    free = &sentinel;
  }

  // The object that `p` points at the start of, or kNotAnObject.
  static constexpr size_t kNotAnObject = ~size_t{0};
  size_t index_exact(uintptr_t p) const;
  // The object that `p` points into, or kNotAnObject (the tail behind the last one).
  size_t index_inside(uintptr_t p) const;
};
static_assert(sizeof(MSpan) == 192);

inline size_t MSpan::index_exact(uintptr_t p) const {
  const uint64_t offset = p - base;
  if (state == SpanState::large) return offset == 0 ? 0 : kNotAnObject;
  const uint64_t m = kSizeTable.info[size_class].magic;
  if (offset * m >= m) return kNotAnObject;  // exact below 2^32: a span is far smaller
  const size_t i = static_cast<size_t>(static_cast<unsigned __int128>(offset) * m >> 64);
  return i < nelems ? i : kNotAnObject;
}

inline size_t MSpan::index_inside(uintptr_t p) const {
  const uint64_t offset = p - base;
  if (offset >= bytes()) return kNotAnObject;
  if (state == SpanState::large) return 0;
  const size_t i = static_cast<size_t>(static_cast<unsigned __int128>(offset) * kSizeTable.info[size_class].magic >> 64);
  return i < nelems ? i : kNotAnObject;
}

// A doubly linked list through MSpan::next and prev; its owner's lock guards it.
class SpanList {
 public:
  bool is_empty() const { return !head_; }
  MSpan* first() const { return head_; }
  void push_back(MSpan* s) {
    s->next = nullptr;
    s->prev = tail_;
    (tail_ ? tail_->next : head_) = s;
    tail_ = s;
  }
  void remove(MSpan* s) {
    (s->prev ? s->prev->next : head_) = s->next;
    (s->next ? s->next->prev : tail_) = s->prev;
    s->next = s->prev = nullptr;
  }
  MSpan* pop_front() {
    MSpan* s = head_;
    if (s) remove(s);
    return s;
  }

 private:
  MSpan* head_ = nullptr;
  MSpan* tail_ = nullptr;
};

// The span of every page that holds none, and of every class a cache has no span for: no objects, no owner.
extern MSpan dummy_span;

}  // namespace gamelan
