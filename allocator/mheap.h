// allocator/mheap.h: the page heap: address space, pages, span descriptors.
//
// Owns     the heap's zone of address space, the table from page to span, the page allocator, the descriptor pool.
// Zone     arenas of 64 MiB are reserved one behind the other from a random base where nothing else maps; tables lie
//          below. Nobody reserves the zone as a whole, so RLIMIT_AS and VSZ see only what is used. Where the kernel
//          does not grant hints (emulators, zone=reserve), one PROT_NONE reservation serves, halved until it fits.
// Locks    mheap for all of it; `HeapWindow` is read without.
// Orders   spans[page] is stored after its span is complete (release) and read by find_object (acquire); malloc and
//          free read it plainly, for a page that their own pointer proves stable.
// Go       mheap.go, malloc.go mallocinit, sysAlloc.  Differs: the page table is one flat array that grows with the
//          heap; Go's is two-level, since its arenas may lie anywhere.
#pragma once
#include "allocator/base/lock.h"
#include "allocator/mspan.h"
#include "allocator/page_alloc.h"

namespace gamelan {

inline constexpr unsigned kArenaShift = 26;
inline constexpr Bytes kArenaSize = Bytes{1} << kArenaShift;
inline constexpr Bytes kScavengeFrom = 8 * MiB;   // free memory below this is not worth a helper thread
inline constexpr Bytes kZoneSize = 16 * TiB;

// What free() reads first: the pages opened so far, and their spans. Every entry below `pages` is a span.
// Three variables, not a struct: free() then needs no register for their address.
struct __attribute__((visibility("hidden"))) HeapWindow {
  static uintptr_t base;
  static size_t pages;
  static MSpan** spans;

  static size_t page_of(uintptr_t p) { return (p - base) >> kPageShift; }
  static bool holds(uintptr_t p) { return page_of(p) < pages; }
  static MSpan* span_of(uintptr_t p) { return __atomic_load_n(&spans[page_of(p)], __ATOMIC_ACQUIRE); }
};

class MHeap {
 public:
  Lock lock{LockRank::mheap};

  void init(uint64_t random);  // boot; touches no memory

  // A span for one size class (state partial, free list empty, nothing carved), or nullptr: out of memory.
  // Blocks   on `lock`; may map and scavenge.
  MSpan* alloc_span(SizeClass k);
  // A span for one large object, `align` a power of two (bytes). Errors as above.
  MSpan* alloc_large(Bytes size, Bytes align);
  // The same for an object that grows: where there is address space, the next pages are free, so that it can grow on.
  MSpan* alloc_growing(Bytes size);
  void free_span(MSpan* s);  // any span, in no list and with no live object

  // In place: true where the large span now has room for `size`. Shrinking always succeeds.
  bool resize_large(MSpan* s, Bytes size);
  void free_large(MSpan* s);  // in: state dead already; the object is gone
  // Moves a large span's pages to a new span of at least `size` by mremap; nullptr where the kernel or the limit on
  // mappings refuses: then the caller copies. The old span is freed on success.
  MSpan* move_large(MSpan* s, Bytes size);

  // One step of giving free memory back: at most `at_most` pages that nobody used for `age_ms`.
  // Returns bytes that went home; 0: nothing to do.  Blocks  on `lock`, which is not held during madvise.
  Bytes scavenge(uint32_t age_ms, Pages at_most);
  Bytes scavengable() const;  // free pages with memory behind them; a hint, without the lock

  // A small span's last untouched object was carved, or the span is to be carved anew: how much of the small spans is
  // in use all over decides about huge pages.  Blocks  nothing.
  void became_dense(const MSpan* s) { dense_.fetch_add(s->bytes()); }
  void no_longer_dense(const MSpan* s) { dense_.fetch_sub(s->bytes()); }

  bool is_consistent_locked() const { return pages_.is_consistent(); }
  const PageAlloc& pages_test_only() const { return pages_; }
  template <class F> void for_each_span_locked(F f) const;  // each span in use, once, by address
  uint32_t sweepgen() const { return sweepgen_; }

 private:
  bool start();
  bool start_by_hint();
  bool start_by_reservation();
  bool open(Pages at_least);
  bool open_range(uintptr_t at, Bytes n);
  bool reserve_more(Bytes at_least);
  bool map_tables(size_t pages);
  bool map_table(uintptr_t zone, uintptr_t* end, uintptr_t need);
  MSpan* new_descriptor();
  void set_spans(size_t first, Pages n, MSpan* s);
  size_t take_pages(SizeClass k, Pages n, Pages align, Pages* scavenged);
  bool take_pages_at(size_t first, Pages n, Pages* scavenged);
  size_t take_pages_with_room(Pages n, Pages* scavenged);
  MSpan* alloc_large_locked(Pages n, Bytes align, Bytes size, bool grows);
  MSpan* make_span(size_t first, Pages n, Pages scavenged);
  void keep_within_limit(Bytes growth);
  void want_huge_page(size_t first);
  bool take_idle_pages(uint32_t age_ms, Pages at_most, PageRun* run);
  bool resize_in_place(MSpan* s, Pages want);
  void publish();
  MSpan* reuse_large(Pages n, Bytes align);
  void give_up_recent(unsigned keep);
  void free_span_locked(MSpan* s);
  void retire_descriptor(MSpan* s);

  PageAlloc pages_;
  uint64_t random_ = 0;
  bool reserved_ = false;           // the whole zone is one reservation of ours
  uintptr_t zone_end_ = 0;
  uintptr_t opened_ = 0;            // [window.base, opened_) is usable, holes apart
  uintptr_t reserved_end_ = 0;      // [opened_, reserved_end_) is PROT_NONE and ours
  uintptr_t spans_zone_ = 0, spans_end_ = 0, chunks_zone_ = 0, chunks_end_ = 0;
  MSpan* free_descriptors_ = nullptr;
  Bytes in_use_ = 0;
  uint64_t spans_ = 0, moves_ = 0;
  unsigned huge_ = 0;
  Bytes small_ = 0;                 // of in_use_: in spans of a size class
  Atomic<Bytes> dense_{0};          // of small_: in spans that are carved to the end
  uint32_t sweepgen_ = 0;

  // Large spans freed last, whole: still in the page table (state dead) and still with their memory.
  static constexpr unsigned kRecentMost = 16;
  static constexpr Pages kRecentPages = 128;          // 1 MiB: no larger span is kept
  static constexpr Bytes kRecentBytes = 4 * MiB;      // in all
  MSpan* recent_[kRecentMost] = {};                   // oldest first
  unsigned recents_ = 0;
  Bytes recent_bytes_ = 0;
  uint32_t recent_at_ = 0;                            // ms: when the last one came
};

extern MHeap mheap;

template <class F>
void MHeap::for_each_span_locked(F f) const {
  for (size_t page = 0; page < HeapWindow::pages;) {
    MSpan* s = HeapWindow::spans[page];
    if (s == &dummy_span) {
      page++;
      continue;
    }
    if (s->state != SpanState::dead) f(s);
    page += s->npages;
  }
}

}  // namespace gamelan
