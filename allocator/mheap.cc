// allocator/mheap.cc: growing, cutting and joining the heap's pages.
#include "allocator/mheap.h"

#include <sys/mman.h>

#include <initializer_list>

#include "allocator/base/fatal.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/base/syscall.h"
#include "allocator/hooks.h"
#include "allocator/sys_memory.h"

namespace gamelan {

constinit uintptr_t HeapWindow::base = 0;
constinit size_t HeapWindow::pages = 0;
constinit MSpan** HeapWindow::spans = nullptr;
constinit MHeap mheap;
GAMELAN_LOAD_TIME constinit MSpan dummy_span = {
    .state = SpanState::dead, .free = &dummy_span.sentinel, .sentinel = {&dummy_span.sentinel, 0}};

namespace {
// Tree levels and block index: .bss, of which a small heap never touches a byte beyond the first word.
constinit PageSummary level1[PageAlloc::kMaxChunks / 64];
constinit PageSummary level2[PageAlloc::kMaxChunks / 64 / 64];
constinit PageSummary level3[PageAlloc::kMaxChunks / 64 / 64 / 64];
constinit uint64_t block_words[PageAlloc::kMaxChunks / 64];

// Below the heap's base: room for both tables of a full zone.
constexpr Bytes kSpansZone = 32 * GiB;   // 16 GiB are needed
constexpr Bytes kChunksZone = 8 * GiB;   // under 1 GiB is needed
constexpr Bytes kTableStep = 64 * KiB;

// Where to look for the zone. Executables, libraries, stacks and mmap's own choices lie at 0x55.. and 0x7f..,
// Go's heap at 0xc0.., sanitizers' shadows from 0x10007fff8000 downwards only for 2^43 bytes.
constexpr uintptr_t kFirstBase = 0x1800'0000'0000, kBaseSpread = 0x1800'0000'0000;

// The heap opens an eighth of itself at a time: few mprotect calls, little committed memory nobody uses.
constexpr Bytes kLeastOpening = 1 * MiB, kMostOpening = 64 * MiB;
// Huge pages, and only where small objects will fill them. Asking for them everywhere gave programs that touch large
// objects sparsely forty times the memory (stress-ng --malloc: 2257 MiB for 54); asking for them for small spans however
// little of those was in use, 2211 MiB for a thousand threads with fifty objects each. With them 300 MiB of small objects
// cost 0.5 s instead of 0.9, mostly TLB misses.
constexpr Bytes kHugePagesFrom = 32 * MiB;
constexpr unsigned kMostHugePages = 8192;  // each may be a mapping of its own; max_map_count is 65530
constexpr Pages kMostRoom = 64 * MiB >> kPageShift;  // to grow into
constexpr uint64_t kMostMoves = 8192;   // mappings of their own that mremap may leave; max_map_count is 65530
constexpr int kPlacesTried = 16;

uint32_t now_ms() { return static_cast<uint32_t>(sys::coarse_now() / kMilli); }
}  // namespace

void MHeap::init(uint64_t random) { random_ = random; }

// ---- address space ----------------------------------------------------------------------------------------------

bool MHeap::start() {
  const ZoneOption how = static_cast<ZoneOption>(options().zone);
  const bool ok = (how != ZoneOption::reserve && start_by_hint()) || (how != ZoneOption::hint && start_by_reservation());
  if (!ok) return false;
  HeapWindow::spans = reinterpret_cast<MSpan**>(spans_zone_);
  pages_.init(reinterpret_cast<ChunkMeta*>(chunks_zone_), level1, level2, level3, block_words);
  return true;
}

bool MHeap::start_by_hint() {
  uint64_t r = random_;
  for (int i = 0; i < kPlacesTried; i++) {
    const uintptr_t base = kFirstBase + align_down(r % kBaseSpread, kArenaSize);
    r = r * 6364136223846793005 + 1442695040888963407;
    Bytes size = kArenaSize;
    while (size >= kChunkSize && !sys_reserve(base, size)) size /= 4;
    if (size < kChunkSize) continue;
    HeapWindow::base = opened_ = base;
    reserved_end_ = base + size;
    zone_end_ = base + kZoneSize;
    spans_zone_ = spans_end_ = base - kSpansZone;
    chunks_zone_ = chunks_end_ = base - kChunksZone;
    return true;
  }
  return false;
}

bool MHeap::start_by_reservation() {
  for (Bytes size = TiB; size >= 2 * kArenaSize; size /= 2) {
    const Bytes spans_table = align_up(size >> kPageShift << 3, kTableStep);
    const Bytes tables = align_up(spans_table + kTableStep + size / kChunkSize * sizeof(ChunkMeta), kArenaSize);
    void* p = sys::map(nullptr, size + tables + kArenaSize, PROT_NONE, MAP_NORESERVE);
    if (!p) continue;
    const uintptr_t start = align_up(reinterpret_cast<uintptr_t>(p), kArenaSize);
    HeapWindow::base = opened_ = start + tables;
    zone_end_ = reserved_end_ = HeapWindow::base + size;
    spans_zone_ = spans_end_ = start;
    chunks_zone_ = chunks_end_ = start + spans_table;
    reserved_ = true;
    return true;
  }
  return false;
}

bool MHeap::map_table(uintptr_t zone, uintptr_t* end, uintptr_t need) {
  if (zone + need <= *end) return true;
  const Bytes grow = align_up(zone + need - *end, kTableStep);
  if (!(reserved_ ? sys_map(*end, grow) : sys_map_new(*end, grow))) return false;
  *end += grow;
  return true;
}

bool MHeap::map_tables(size_t pages) {
  const size_t chunks = (pages + kChunkPages - 1) / kChunkPages;
  return map_table(spans_zone_, &spans_end_, pages * sizeof(MSpan*)) &&
         map_table(chunks_zone_, &chunks_end_, chunks * sizeof(ChunkMeta));
}

// Makes [opened_, opened_ + at_least) reserved. An arena whose place is taken is stepped over and stays a hole.
bool MHeap::reserve_more(Bytes at_least) {
  while (reserved_end_ - opened_ < at_least) {
    if (reserved_end_ >= zone_end_) return false;
    const Bytes missing = at_least - (reserved_end_ - opened_);
    const Bytes to_arena_end = kArenaSize - (reserved_end_ & (kArenaSize - 1));
    const Bytes want = max_of(to_arena_end, align_up(missing, kArenaSize));
    const Bytes least = align_up(missing, kChunkSize);
    bool taken = false;
    if (reserved_end_ + want <= zone_end_ && sys_reserve(reserved_end_, want)) { reserved_end_ += want; continue; }
    if (reserved_end_ + least <= zone_end_ && sys_reserve(reserved_end_, least, &taken)) { reserved_end_ += least; continue; }
    if (!taken) return false;  // no memory, or none of that size
    const uintptr_t next = align_up(reserved_end_ + 1, kArenaSize);
    if (!map_tables((next - HeapWindow::base) >> kPageShift)) return false;
    set_spans(HeapWindow::page_of(opened_), (next - opened_) >> kPageShift, &dummy_span);
    opened_ = reserved_end_ = next;
  }
  return true;
}

bool MHeap::open_range(uintptr_t at, Bytes n) {
  const size_t first = HeapWindow::page_of(at);
  if (!map_tables(first + (n >> kPageShift)) || !sys_map(at, n)) return false;
  if (static_cast<ThpOption>(options().thp) == ThpOption::always) sys_huge_page(at, n, true);
  set_spans(first, n >> kPageShift, &dummy_span);
  pages_.grow(first, n >> kPageShift);
  opened_ = at + n;
  // pairs: none needed; a thread that sees a pointer into the new pages got it through some synchronisation.
  __atomic_store_n(&HeapWindow::pages, HeapWindow::page_of(opened_), __ATOMIC_RELEASE);
  return true;
}

// Makes at least `at_least` more pages usable, in one piece.
bool MHeap::open(Pages at_least) {
  if (!HeapWindow::base && !start()) return false;
  const Bytes heap = opened_ - HeapWindow::base;
  const Bytes need = align_up(at_least << kPageShift, kBlock);
  if (need < at_least) return false;
  const Bytes generous = align_up(max_of(need, min_of(max_of(heap / 8, kLeastOpening), kMostOpening)), kBlock);
  for (Bytes n : {generous, need}) {
    if (reserved_ ? opened_ + n > zone_end_ : !reserve_more(n)) continue;
    if (open_range(opened_, n)) return true;
  }
  return false;
}

// ---- spans ------------------------------------------------------------------------------------------------------

void MHeap::set_spans(size_t first, Pages n, MSpan* s) {
  for (size_t i = first; i < first + n; i++) __atomic_store_n(&HeapWindow::spans[i], s, __ATOMIC_RELEASE);
}

MSpan* MHeap::new_descriptor() {
  if (!free_descriptors_) {
    // Sixteen at a time: three kernel pages' worth would be more than a small program ever uses.
    auto* block = static_cast<MSpan*>(sys_alloc(16 * sizeof(MSpan), 64));
    if (!block) return nullptr;
    for (int i = 16; i-- > 0;) {
      block[i].next = free_descriptors_;
      free_descriptors_ = &block[i];
    }
  }
  MSpan* s = free_descriptors_;
  free_descriptors_ = s->next;
  return s;
}

size_t MHeap::take_pages(SizeClass k, Pages n, Pages align, Pages* scavenged) {
  const bool block = k && n == kBlockPages;
  for (;;) {
    const size_t first = block ? pages_.alloc_block(scavenged) : pages_.alloc_aligned(n, align, HeapWindow::base >> kPageShift, scavenged);
    if (first != kNone) {
      if (*scavenged) keep_within_limit(*scavenged << kPageShift);
      return first;
    }
    // Pages that were just freed are better than new ones, and all there is when memory is short.
    if (recents_) give_up_recent(0);
    else if (!open(block ? n : n + align - 1)) return kNone;
  }
}

MSpan* MHeap::make_span(size_t first, Pages n, Pages scavenged) {
  MSpan* s = new_descriptor();
  if (!s) {
    pages_.free(first, n, now_ms());
    return nullptr;
  }
  s->base = s->start = HeapWindow::base + (first << kPageShift);
  s->npages = static_cast<uint32_t>(n);
  s->cache.store_relaxed(nullptr);
  s->remote.store_relaxed(0);
  s->set_free_list_empty();
  s->next = s->prev = s->inbox_next = nullptr;
  s->needzero = scavenged != n;
  s->moved = 0;
  s->carved = 0;
  s->credit = 0;
  s->free_index = s->alloc_count = 0;
  s->purged = 0;
  s->sweepgen = sweepgen_;
  in_use_ += n << kPageShift;
  spans_++;
  return s;
}

// The first small span in 2 MiB that have no memory yet asks for a huge page there: more small spans will follow, since
// the lowest free block is always taken.
void MHeap::want_huge_page(size_t first) {
  if (static_cast<ThpOption>(options().thp) != ThpOption::automatic || small_ < kHugePagesFrom) return;
  if (dense_.load_relaxed() < small_ / 4 * 3) return;
  if (huge_ >= kMostHugePages || pages_.is_huge(first) || !pages_.half_is_fresh(first, kBlockPages)) return;
  sys_huge_page(HeapWindow::base + (align_down(first, kHalfPages) << kPageShift), kHalfPages << kPageShift, true);
  pages_.set_huge(first, true);
  huge_++;
}

MSpan* MHeap::alloc_span(SizeClass k) {
  const SizeClassInfo& info = kSizeTable.info[k];
  Guard g(lock);
  Pages scavenged = 0;
  const size_t first = take_pages(k, info.pages, kBlockPages, &scavenged);
  if (first == kNone) return nullptr;
  if (scavenged == kBlockPages) want_huge_page(first);
  MSpan* s = make_span(first, info.pages, scavenged);
  if (!s) return nullptr;
  s->size_class = k;
  s->elem_size = info.size;
  s->nelems = static_cast<uint16_t>(info.objects);
  s->magic = info.magic;
  s->state = SpanState::partial;
  small_ += s->bytes();
  set_spans(first, info.pages, s);
  publish();
  return s;
}

// One of the spans freed last, of this size or at most an eighth larger; its table entries are still right.
MSpan* MHeap::reuse_large(Pages n, Bytes align) {
  for (unsigned i = recents_; i-- > 0;) {
    MSpan* s = recent_[i];
    if (s->npages < n || s->npages > n + n / 8 || s->base & (align - 1)) continue;
    for (; i + 1 < recents_; i++) recent_[i] = recent_[i + 1];
    recents_--;
    recent_bytes_ -= s->bytes();
    in_use_ += s->bytes();
    spans_++;
    s->needzero = 1;
    return s;
  }
  return nullptr;
}

void MHeap::give_up_recent(unsigned keep) {
  while (recents_ > keep) {
    MSpan* s = recent_[0];
    recents_--;
    for (unsigned i = 0; i < recents_; i++) recent_[i] = recent_[i + 1];
    recent_bytes_ -= s->bytes();
    in_use_ += s->bytes();  // free_span_locked takes it off again
    spans_++;
    free_span_locked(s);
  }
}

size_t MHeap::take_pages_with_room(Pages n, Pages* scavenged) {
  const Pages room = n / 2;
  if (room > kMostRoom) return kNone;
  size_t first = pages_.alloc_with_room(n, room, scavenged);
  if (first == kNone && open(n + room)) first = pages_.alloc_with_room(n, room, scavenged);
  if (first != kNone && *scavenged) keep_within_limit(*scavenged << kPageShift);
  return first;
}

MSpan* MHeap::alloc_large(Bytes size, Bytes align) {
  const Pages n = pages_for(size);
  if (n > kZoneSize >> kPageShift || align > kZoneSize || !sys_could_have(size)) return nullptr;
  Guard g(lock);
  return alloc_large_locked(n, align, size, false);
}

MSpan* MHeap::alloc_growing(Bytes size) {
  const Pages n = pages_for(size);
  if (n > kZoneSize >> kPageShift || !sys_could_have(size)) return nullptr;
  Guard g(lock);
  return alloc_large_locked(n, kPageSize, size, true);
}

MSpan* MHeap::alloc_large_locked(Pages n, Bytes align, Bytes size, bool grows) {
  MSpan* s = reuse_large(n, align);
  if (!s) {
    Pages scavenged = 0;
    size_t first = grows ? take_pages_with_room(n, &scavenged) : kNone;
    if (first == kNone) first = take_pages(0, n, max_of<Pages>(align >> kPageShift, 1), &scavenged);
    if (first == kNone) return nullptr;
    s = make_span(first, n, scavenged);
    if (!s) return nullptr;
    s->size_class = 0;
    s->elem_size = 0;
    s->nelems = 1;
    s->magic = 0;
    set_spans(first, n, s);
  }
  s->requested = size;
  s->state = SpanState::large;
  publish();
  metric_add(Metric::large_allocs, 1);
  return s;
}

void MHeap::retire_descriptor(MSpan* s) {
  in_use_ -= s->bytes();
  spans_--;
  s->next = free_descriptors_;
  free_descriptors_ = s;
}

void MHeap::free_span_locked(MSpan* s) {
  const size_t first = HeapWindow::page_of(s->base);
  set_spans(first, s->npages, &dummy_span);
  s->state = SpanState::dead;
  if (s->moved) {
    // Mapped anew, the pages are one mapping with their neighbours again, and empty.
    sys_map_over(s->base, s->bytes());
    moves_--;
    pages_.free_scavenged(first, s->npages);
    return retire_descriptor(s);
  }
  if (s->size_class) {
    small_ -= s->bytes();
    if (s->carved == s->nelems) no_longer_dense(s);
  }
  pages_.free(first, s->npages, now_ms());
  retire_descriptor(s);
}

void MHeap::free_span(MSpan* s) {
  bool tell = false;
  {
    Guard g(lock);
    free_span_locked(s);
    publish();
    tell = scavengable() >= kScavengeFrom;
  }
  if (tell) heap_hooks.memory_could_go_home();
}

void MHeap::free_large(MSpan* s) {
  if (s->npages > kRecentPages || s->moved) return free_span(s);
  bool tell = false;
  {
    Guard g(lock);
    recent_at_ = now_ms();
    if (recents_ == kRecentMost) give_up_recent(kRecentMost - 1);
    recent_[recents_++] = s;
    recent_bytes_ += s->bytes();
    in_use_ -= s->bytes();
    spans_--;
    while (recent_bytes_ > kRecentBytes) give_up_recent(recents_ - 1);
    publish();
    tell = scavengable() >= kScavengeFrom;
  }
  if (tell) heap_hooks.memory_could_go_home();
}

bool MHeap::resize_large(MSpan* s, Bytes size) {
  const Pages want = pages_for(size);
  if (size >= s->requested && want <= s->npages) {
    s->requested = size;
    return true;
  }
  const bool shrinks = want < s->npages;
  if (!resize_in_place(s, want)) return false;
  s->requested = size;
  if (shrinks && scavengable() >= kScavengeFrom) heap_hooks.memory_could_go_home();
  return true;
}

bool MHeap::take_pages_at(size_t first, Pages n, Pages* scavenged) {
  // At the heap's frontier not all of the next pages may be open yet.
  if (first + n > HeapWindow::pages && !open(first + n - HeapWindow::pages)) return false;
  return pages_.alloc_at(first, n, scavenged);
}

bool MHeap::resize_in_place(MSpan* s, Pages want) {
  Guard g(lock);
  const size_t first = HeapWindow::page_of(s->base);
  if (want > s->npages) {
    Pages scavenged = 0;
    const size_t end = first + s->npages;
    // What grew once grows on: a quarter more than asked for makes the next steps free of charge.
    Pages more = want - s->npages + min_of(want / 4, kMostRoom / 8);
    if (!take_pages_at(end, more, &scavenged)) {
      more = want - s->npages;
      if (!take_pages_at(end, more, &scavenged)) return false;
    }
    want = s->npages + more;
    if (scavenged != more) s->needzero = 1;
    set_spans(first + s->npages, more, s);
    in_use_ += more << kPageShift;
  } else if (want < s->npages) {
    const Pages less = s->npages - want;
    set_spans(first + want, less, &dummy_span);
    pages_.free(first + want, less, now_ms());
    in_use_ -= less << kPageShift;
  }
  s->npages = static_cast<uint32_t>(want);
  publish();
  return true;
}

MSpan* MHeap::move_large(MSpan* s, Bytes size) {
#ifndef MREMAP_DONTUNMAP
  constexpr int MREMAP_DONTUNMAP = 4;
#endif
  {
    Guard g(lock);
    if (moves_ >= kMostMoves) return nullptr;
    moves_++;
  }
  MSpan* to = alloc_growing(size);
  const long r = to ? sys::call(SYS_mremap, static_cast<long>(s->base), static_cast<long>(s->bytes()),
                                static_cast<long>(s->bytes()), MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
                                static_cast<long>(to->base))
                    : -1;
  if (sys::is_error(r)) {
    Guard g(lock);
    moves_--;
  }
  if (!to) return nullptr;
  if (sys::is_error(r)) {
    sys_map_over(to->base, s->bytes());  // mremap may have unmapped its target before it failed
    free_span(to);
    return nullptr;
  }
  to->moved = 1;
  to->needzero = 1;
  // The old pages are still mapped and empty: scavenged without a madvise.
  Guard g(lock);
  const size_t first = HeapWindow::page_of(s->base);
  set_spans(first, s->npages, &dummy_span);
  s->state = SpanState::dead;
  if (s->moved) moves_--;
  pages_.free_scavenged(first, s->npages);
  retire_descriptor(s);
  publish();
  return to;
}

// ---- memory that goes home --------------------------------------------------------------------------------------

Bytes MHeap::scavengable() const {
  return ((pages_.free_pages() - pages_.scavenged_pages()) << kPageShift) + recent_bytes_;
}

// A run of free pages that still have memory, taken. Its huge pages are no longer wanted: khugepaged would undo it all.
bool MHeap::take_idle_pages(uint32_t age_ms, Pages at_most, PageRun* run) {
  if (!HeapWindow::base || !pages_.take_unscavenged(now_ms(), age_ms, at_most, run)) return false;
  for (size_t half = align_down(run->first, kHalfPages); half < run->first + run->n; half += kHalfPages) {
    if (!pages_.is_huge(half)) continue;
    sys_huge_page(HeapWindow::base + (half << kPageShift), kHalfPages << kPageShift, false);
    pages_.set_huge(half, false);
    huge_--;
  }
  return true;
}

Bytes MHeap::scavenge(uint32_t age_ms, Pages at_most) {
  PageRun run;
  {
    Guard g(lock);
    if (recents_ && now_ms() - recent_at_ >= age_ms) give_up_recent(0);
    if (!take_idle_pages(age_ms, at_most, &run)) return 0;
  }
  const Bytes n = run.n << kPageShift;
  const bool gone = sys_unused(HeapWindow::base + (run.first << kPageShift), n);
  Guard g(lock);
  if (gone) pages_.free_scavenged(run.first, run.n);
  else pages_.free(run.first, run.n, now_ms());  // locked memory: it stays, and is looked at again later
  publish();
  if (gone) metric_add(Metric::scavenged, n);
  return gone ? n : 0;
}

// GOMEMLIMIT, in every mode: before the heap grows, free memory goes home until the growth fits. Soft: where
// everything is in use, the heap grows past the limit.
void MHeap::keep_within_limit(Bytes growth) {
  const uint64_t limit = options().memory_limit;
  if (limit == kNoLimit) return;
  const uint64_t other = metric_read(Metric::metadata);
  while (in_use_ + scavengable() + other + growth > limit - limit / 20) {
    PageRun run;
    if (recents_) give_up_recent(0);
    if (!take_idle_pages(0, kChunkPages, &run)) return;
    const Bytes n = run.n << kPageShift;
    if (!sys_unused(HeapWindow::base + (run.first << kPageShift), n)) {
      pages_.free(run.first, run.n, now_ms());
      return;
    }
    pages_.free_scavenged(run.first, run.n);
    metric_add(Metric::scavenged, n);
  }
}

void MHeap::publish() {
  auto set = [](Metric m, uint64_t v) { __atomic_store_n(&gamelan_metrics.value[static_cast<uint32_t>(m)], v, __ATOMIC_RELAXED); };
  set(Metric::heap_live, in_use_);
  set(Metric::heap_free, scavengable());
  set(Metric::heap_released, pages_.scavenged_pages() << kPageShift);
  set(Metric::heap_mapped, opened_ - HeapWindow::base);
  set(Metric::spans_in_use, spans_);
}

}  // namespace gamelan
