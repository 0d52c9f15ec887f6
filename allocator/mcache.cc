// allocator/mcache.cc: refilling, retiring, and frees that cross owners.
#include "allocator/mcache.h"

#include "allocator/base/mem.h"
#include "allocator/base/metrics.h"
#include "allocator/bad_free.h"
#include "allocator/hooks.h"
#include "allocator/mallocgc.h"
#include "allocator/mcentral.h"
#include "allocator/mheap.h"
#include "allocator/verify.h"

namespace gamelan {

constinit PathMode path_mode = {};

GAMELAN_LOAD_TIME constinit MCache fallback_mcache{&dummy_span};
__thread MCache* tls_mcache = &fallback_mcache;

alignas(64) OwnSpans no_own_spans;

void MCache::init(OwnSpans* table) {
  if (table) own = table;
  for (MSpan*& s : span) s = &dummy_span;
  mem::copy(class_of, kSizeTable.of_byte, sizeof class_of);
}

namespace {
// All that others have freed in `s` where it is less than `most`, or a word without a head. The queued flag stays as it is.
RemoteWord take_remote(MSpan* s, uint64_t most) {
  uint64_t w = s->remote.load_acquire();  // pairs: flush() compare_exchange, the objects' links are readable
  do {
    if (!RemoteWord(w).head() || RemoteWord(w).count() >= most) return RemoteWord(uint64_t{0});
  } while (!s->remote.compare_exchange(w, w & RemoteWord::kQueued));
  return RemoteWord(w);
}

unsigned listed(const MSpan* s) {
  unsigned n = 0;
  for (const FreeObject* p = s->free; p != &s->sentinel; p = p->next) n++;
  return n;
}
}  // namespace

// ---- allocating -------------------------------------------------------------------------------------------------

void* MCache::alloc_slow(SizeClass k) {
  heap_hooks.before_refill(kSizeTable.info[k].size);
  metric_add(Metric::refills, 1);
  Guard g(lock);
  verify_now_and_then_locked(this);
  for (;;) {
    if (MSpan* s = current_[k]) {
      FreeObject* p = s->free;
      if (p != &s->sentinel) {
        if (GAMELAN_UNLIKELY(p->mark != kFreeMark)) bad_free::written_after_free(s, p);
        s->free = p->next;
        p->mark = 0;
        return p;
      }
      // What others freed has been touched already.
      if (drain_remote(s) || carve(s)) continue;
      retire_full_locked(k);
    }
    MSpan* s = next_span_locked(k);
    if (!s) return nullptr;
    make_current_locked(k, s);
  }
}

// Objects that were never used join the free list, about one kernel page of them at a time: memory that the program
// has not asked for yet stays untouched.
bool MCache::carve(MSpan* s) {
  const unsigned left = s->nelems - s->carved;
  if (!left) return false;
  const unsigned page = static_cast<unsigned>(kOsPageSize / s->elem_size);
  const unsigned n = min_of(left, max_of(page, s->carved ? 4u : 1u));
  auto* first = reinterpret_cast<FreeObject*>(s->object(s->carved));
  // Links and marks of another class' objects may lie here: a program that moves bytes it never wrote would give one of
  // its objects the look of a free one.
  if (s->needzero) mem::zero(first, Bytes{n} * s->elem_size);
  FreeObject* p = first;
  for (unsigned i = 1; i <= n; i++) {
    auto* next = reinterpret_cast<FreeObject*>(reinterpret_cast<uintptr_t>(p) + s->elem_size);
    p->mark = kFreeMark;
    p->next = i < n ? next : &s->sentinel;
    p = next;
  }
  s->carved = static_cast<uint16_t>(s->carved + n);
  if (s->carved == s->nelems) mheap.became_dense(s);
  s->free = first;
  return true;
}

// What others freed becomes the local list. Only on an exhausted current span, so nothing needs joining.
bool MCache::drain_remote(MSpan* s) {
  const RemoteWord taken = take_remote(s, ~uint64_t{0});
  if (!taken.head()) return false;
  s->free = taken.head();
  return true;
}

void MCache::make_current_locked(SizeClass k, MSpan* s) {
  s->state = SpanState::current;
  s->credit = kNever;
  current_[k] = s;
  if (!path_mode.uses_slow_paths_only()) span[k] = s;
}

// From here on free() knows the span for this cache's; where slow paths only are wanted, it never does.
void MCache::hold_locked(MSpan* s) {
  s->cache.store_seq(this);
  if (own != &no_own_spans && !path_mode.uses_slow_paths_only()) own->add(s);
}

void MCache::let_go_locked(MSpan* s) {
  if (own != &no_own_spans) own->remove(s);
}

void MCache::retire_full_locked(SizeClass k) {
  MSpan* s = current_[k];
  current_[k] = nullptr;
  span[k] = &dummy_span;
  s->state = SpanState::full;
  s->credit = 0;
  full_.push_back(s);
}

MSpan* MCache::next_span_locked(SizeClass k) {
  process_inbox_locked(As::holder);
  if (MSpan* s = partial_[k].pop_front()) return s;
  if (MSpan* s = take_spare(k)) return s;
  MSpan* s = mcentral[k].take_partial(this);
  if (!s) s = mheap.alloc_span(k);
  if (s) hold_locked(s);
  return s;
}

// An empty span of this class is as good as new, and better: its objects are carved, warm and on its list. Failing that, one
// of 64 KiB of any class serves every other one.
MSpan* MCache::take_spare(SizeClass k) {
  const SizeClassInfo& info = kSizeTable.info[k];
  MSpan** link = nullptr;
  for (MSpan** l = &spare_; *l; l = &(*l)->next) {
    if ((*l)->size_class == k) {
      link = l;
      break;
    }
    if (!link && (*l)->npages == info.pages) link = l;
  }
  if (!link) return nullptr;
  MSpan* s = *link;
  *link = s->next;
  s->next = nullptr;
  spare_bytes_ -= s->bytes();
  s->state = SpanState::partial;
  if (s->size_class == k && !path_mode.bitmap) return s;
  if (s->carved == s->nelems) mheap.no_longer_dense(s);
  s->size_class = k;
  s->elem_size = info.size;
  s->nelems = static_cast<uint16_t>(info.objects);
  s->magic = info.magic;
  s->carved = 0;
  s->needzero = 1;
  s->remote.store_relaxed(0);
  s->set_free_list_empty();
  return s;
}

Bytes MCache::most_spare_bytes() { return max_of(kSpareBytes / max_of<uint64_t>(metric_read(Metric::caches), 1), kSpareLeast); }

// ---- freeing ----------------------------------------------------------------------------------------------------

void MCache::free_without_credit(FreeObject* p, MSpan* s) {
  Guard g(lock);
  p->mark = kFreeMark;
  p->next = s->free;
  s->free = p;
  if (s->state == SpanState::current) s->credit = kNever;
  else if (s->state == SpanState::full) unfill_locked(s);
  else if (s->state == SpanState::partial) release_locked(s);
}

// A full span's first local free.
void MCache::unfill_locked(MSpan* s) {
  full_.remove(s);
  s->state = SpanState::partial;
  s->set_local_live(s->nelems - 1u);
  partial_[s->size_class].push_back(s);
}

// A partial span with no live object: kept as a spare, or to the heap. While its queued flag is set the span is on
// its way to an inbox and must stay; process_inbox_locked comes back to it.
void MCache::release_locked(MSpan* s) {
  s->state = SpanState::empty;
  s->credit = 0;
  // What others freed stays where it is: a spare of the same class finds it when its own list has run out.
  if (RemoteWord(s->remote.load_acquire()).queued()) return;
  partial_[s->size_class].remove(s);
  if (s->alloc_bits) mallocgc_release_bits(s);
  if (spare_bytes_ + s->bytes() <= most_spare_bytes()) {
    s->state = SpanState::spare;
    s->next = spare_;
    spare_ = s;
    spare_bytes_ += s->bytes();
    return;
  }
  let_go_locked(s);
  s->cache.store_seq(nullptr);
  mheap.free_span(s);
}

// Whether nothing lives in `s` but what `freed` counts, so that it can be given up.
bool MCache::is_over(const MSpan* s, uint64_t freed) {
  if (s->state == SpanState::current || s->state == SpanState::spare) return false;
  return s->state == SpanState::empty || freed == s->local_live();
}

// A visitor may release a span in which nothing lives; every other one is the holder's, whose free() may be writing
// its credit this very moment. `full` with all objects remote, or `partial` with the rest remote: nobody frees any more.
void MCache::process_inbox_locked(As who) {
  if (GAMELAN_LIKELY(!inbox_.load_relaxed())) return;
  inbox_length_.store_relaxed(0);
  empties_.store_relaxed(0);
  for (MSpan *s = inbox_.exchange(nullptr), *next; s; s = next) {  // pairs: push_inbox compare_exchange
    next = s->inbox_next;
    if (s->cache.load_seq() != this) {
      if (MCache* c = notify(s)) c->collect_inbox(Patience::none);
      continue;
    }
    uint64_t freed = RemoteWord(s->remote.load_acquire()).count();
    if (who == As::visitor && !is_over(s, freed)) {
      push_inbox(s);
      continue;
    }
    // What comes after this queues the span again.
    freed = RemoteWord(s->remote.fetch_and(~RemoteWord::kQueued)).count();
    const bool empty = is_over(s, freed);
    if (s->state == SpanState::full && freed) {
      full_.remove(s);
      s->state = SpanState::partial;
      s->set_local_live(s->nelems);
      partial_[s->size_class].push_back(s);
    }
    if (empty) release_locked(s);
    else if (s->state == SpanState::partial) s->credit -= absorb_remote(s, s->local_live()) * kCreditUnit;
  }
}

uint32_t MCache::absorb_remote(MSpan* s, uint64_t most) {
  const RemoteWord taken = take_remote(s, most);
  if (!taken.head()) return 0;
  if (!s->is_empty_list()) {
    FreeObject* last = taken.head();
    while (last->next != &s->sentinel) last = last->next;
    last->next = s->free;
  }
  s->free = taken.head();
  return static_cast<uint32_t>(taken.count());
}

void MCache::collect_inbox(Patience patience) {
  if (!inbox_.load_seq()) return;
  if (patience == Patience::waits) lock.lock();
  else if (!lock.try_lock()) return;
  process_inbox_locked(As::visitor);
  lock.unlock();
}

void MCache::push_inbox(MSpan* s) {
  inbox_length_.fetch_add(1);
  MSpan* first = inbox_.load_relaxed();
  do s->inbox_next = first;
  while (!inbox_.compare_exchange(first, s));  // pairs: process_inbox_locked exchange
}

void MCache::free_remote(FreeObject* p, MSpan* s) {
  Batch* b = &batch_[(reinterpret_cast<uintptr_t>(s) / sizeof(MSpan)) % kBatches];
  if (b->span != s || b->count >= kBatchMost) {
    if (b->span) flush(b);
    *b = {s, &s->sentinel, p, 0};
  }
  p->mark = kFreeMark;
  p->next = b->head;
  b->head = p;
  b->count++;
}

void MCache::flush_batches() {
  for (Batch& b : batch_)
    if (b.span) flush(&b);
}

// Pushes the batch on its span's stack. Until then its objects keep the span alive; from then on the span is ours
// to touch only if we set its queued flag.
void MCache::flush(Batch* b) {
  MSpan* s = b->span;
  const uint32_t n = b->count;
  metric_add(Metric::remote_frees, n);
  metric_add(Metric::remote_batches, 1);
  uint64_t w = s->remote.load_relaxed();
  do {
    const RemoteWord old(w);
    b->tail->next = old.head() ? old.head() : &s->sentinel;
  } while (!s->remote.compare_exchange(w, RemoteWord(b->head, RemoteWord(w).count() + n, true).word()));
  b->span = nullptr;
  MCache* look_at = nullptr;
  if (!RemoteWord(w).queued()) look_at = notify(s);
  else if (looks_empty(s)) look_at = s->cache.load_seq();
  // A visit looks at the whole inbox: worth it once a quarter of it is empty, or it is short. The helper thread comes
  // round for the rest.
  if (look_at && (look_at->empties_.fetch_add(1) + 1) * 4 >= look_at->inbox_length_.load_relaxed())
    look_at->collect_inbox(Patience::waits);
}

// A hint, from words that others may be writing: nothing lives in `s` but what `remote` holds. Its holder may be
// asleep for good, so whoever frees the last object looks after the span.
bool MCache::looks_empty(const MSpan* s) {
  const uint64_t freed = RemoteWord(s->remote.load_seq()).count();
  return freed && freed >= s->local_live();
}

// The caller set `s`'s queued flag, so the span stays until it is told of. Tells whoever holds the span. Returns the
// cache whose inbox wants a visitor, or nullptr.
MCache* MCache::notify(MSpan* s) {
  for (;;) {
    MCache* c = s->cache.load_seq();
    if (!c) {
      if (mcentral[s->size_class].settle(s)) return nullptr;
      continue;
    }
    c->push_inbox(s);
    // From here on `s` may be gone; what its words say now is a hint.
    return looks_empty(s) || s->cache.load_seq() != c ? c : nullptr;
  }
}

void MCache::free_unbatched(FreeObject* p, MSpan* s) {
  p->mark = kFreeMark;
  Batch b{s, p, p, 1};
  flush(&b);
}

void MCache::mend_in_child() {
  for (Batch& b : batch_) b = {};  // perhaps torn; its objects, at most a thousand, are lost
  for (MSpan* s : current_)
    // pop() had cleared the mark and not yet moved the list on: nobody got the object.
    if (s && s->free != &s->sentinel) s->free->mark = kFreeMark;
  // free() had pushed its object and not yet counted it; a batch was handed over and the inbox not yet told.
  inbox_.store_relaxed(nullptr);
  for_each_span_locked([](MSpan* s) {
    s->remote.fetch_and(~RemoteWord::kQueued);
    if (s->state != SpanState::partial) return;  // full: free() changes those under the lock
    const unsigned live = s->carved - listed(s);
    if (live) s->set_local_live(live);
    else s->state = SpanState::empty;
  });
}

// ---- giving up --------------------------------------------------------------------------------------------------

void MCache::give_to_central_locked(MSpan* s) {
  s->live = path_mode.bitmap ? s->alloc_count : s->state == SpanState::current ? s->carved - listed(s) : static_cast<uint32_t>(s->local_live());
  s->credit = 0;
  let_go_locked(s);
  mcentral[s->size_class].put(s);
}

void MCache::abandon() {
  flush_batches();
  Guard g(lock);
  process_inbox_locked(As::holder);
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    span[k] = &dummy_span;
    if (MSpan* s = current_[k]) {
      current_[k] = nullptr;
      give_to_central_locked(s);
    }
    while (MSpan* s = partial_[k].pop_front()) give_to_central_locked(s);
  }
  while (MSpan* s = full_.pop_front()) give_to_central_locked(s);
  while (MSpan* s = spare_) {
    spare_ = s->next;
    let_go_locked(s);
    s->cache.store_seq(nullptr);
    mheap.free_span(s);
  }
  spare_bytes_ = 0;
  process_inbox_locked(As::holder);  // pairs: notify() pushes, then loads `cache`
}

}  // namespace gamelan
