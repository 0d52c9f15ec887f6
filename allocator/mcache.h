// allocator/mcache.h: a processor's (native mode: a thread's) own spans: malloc and free without a lock.
//
// Owns     one current span per class, from which it allocates; partial, full and spare spans; batches of objects
//          that it freed for other owners; an inbox of its spans that others freed objects in.
// Threads  the fast paths: only the holder, whoever `tls_mcache` names. The slow paths: anybody, under `lock`, and
//          then only on spans that the holder's fast path cannot touch (spare, or with no live object left).
// Orders   free()'s last access to a span is the store of its credit; a span may be gone as soon as that store is
//          seen (x86 keeps stores in order; a compiler barrier keeps ours).
// Modes    lists: the fast slots name the current spans. Counting and bitmap: they name the dummy, so that every call
//          takes the slow path; the fast paths pay nothing for either.
// Go       mcache.go.  Differs: Go's holds one span per class; ours keeps all it filled, since C frees one by one.
//          Remote frees batched by span: snmalloc's idea, with the span's own stack as the mailbox.
#pragma once
#include "allocator/base/lock.h"
#include "allocator/own_spans.h"

namespace gamelan {

class MCache {
 public:
  static constexpr unsigned kBatches = 16;        // destinations with a batch open
  static constexpr uint32_t kBatchMost = 64;      // 32 was 4 % slower in producer/consumer, 128 no faster
  static constexpr Bytes kSpareBytes = 4 * MiB;   // of empty spans, in all caches together; no less than kSpareLeast in each
  static constexpr Bytes kSpareLeast = 256 * KiB;

  // -- fast part: malloc and free read these at fixed offsets --
  MSpan* span[kSizeClasses + 3];
  uint8_t class_of[kMaxMapped + 8];
  OwnSpans* own = &no_own_spans;

  Lock lock{LockRank::mcache};
  void* stack_memo = nullptr;        // gc's: stacks that were walked lately
  MCache* next_registered = nullptr;
  MCache* next_idle = nullptr;

  constexpr MCache() : span{}, class_of{} {}
  constexpr explicit MCache(MSpan* only) : span{only}, class_of{} {}  // every class maps to 0, and 0 to `only`
  void init(OwnSpans* table);  // nullptr: there was no memory for one

  // An object of class k through the slow path, or nullptr: out of memory.
  void* alloc_slow(SizeClass k);
  // The holder's free where the credit is zero: the span's state may have to change.
  void free_without_credit(FreeObject* p, MSpan* s);
  // An object of somebody else's span: batched, handed over when the batch is full or its place is needed.
  void free_remote(FreeObject* p, MSpan* s);
  void flush_batches();
  // Gives every span to the centrals, or to the heap where empty. The holder is the caller, or gone for good.
  void abandon();
  // The holder was in some other thread when the process forked, perhaps in mid-malloc: mends what it left half done.
  void mend_in_child();
  // Looks through the inbox for spans that are empty by now. For anyone; who holds a lock does not wait for this one.
  enum class Patience : bool { none, waits };
  void collect_inbox(Patience patience);
  // What others freed in `s` joins its local list, where it is less than `most` objects. For the span's holder, or under
  // its central's lock. Returns how many they were.
  static uint32_t absorb_remote(MSpan* s, uint64_t most);
  // Frees one object that no holder's batch can take (a thread at its very end).
  static void free_unbatched(FreeObject* p, MSpan* s);

  static Bytes most_spare_bytes();

  template <class F> void for_each_span_locked(F f) const;
  MSpan* current(SizeClass k) const { return current_[k]; }

  // mallocgc (bitmap path), under `lock`.
  MSpan* next_span_locked(SizeClass k);
  void make_current_locked(SizeClass k, MSpan* s);
  void retire_full_locked(SizeClass k);
  void unfill_locked(MSpan* s);
  void release_locked(MSpan* s);

 private:
  struct Batch {
    MSpan* span;
    FreeObject* head;
    FreeObject* tail;
    uint32_t count;
  };

  static void flush(Batch* b);
  static MCache* notify(MSpan* s);
  static bool looks_empty(const MSpan* s);
  static bool is_over(const MSpan* s, uint64_t freed);
  void hold_locked(MSpan* s);
  void let_go_locked(MSpan* s);
  void give_to_central_locked(MSpan* s);
  enum class As : bool { visitor, holder };
  void process_inbox_locked(As who);
  void push_inbox(MSpan* s);
  bool carve(MSpan* s);
  bool drain_remote(MSpan* s);
  MSpan* take_spare(SizeClass k);

  MSpan* current_[kSizeClasses] = {};
  SpanList partial_[kSizeClasses];
  SpanList full_;
  MSpan* spare_ = nullptr;
  Bytes spare_bytes_ = 0;
  Atomic<MSpan*> inbox_{nullptr};
  Atomic<uint32_t> inbox_length_{0};  // spans in it, about
  Atomic<uint32_t> empties_{0};       // of them seen empty
  Batch batch_[kBatches] = {};
};

// Whose fast paths this thread uses. Never null: at first, in between and at a thread's end it is `fallback_mcache`,
// which owns no span and has none, so that every call goes to a slow path.
extern __thread MCache* tls_mcache __attribute__((tls_model("initial-exec")));
extern MCache fallback_mcache;

// Fixed at boot.
struct PathMode {
  bool counting;  // exact call counts: slow paths only
  bool bitmap;    // mallocgc
  bool stacks;    // mallocgc notes who allocated each object
  Bytes guard;    // 1: an object is larger than asked for, so that a pointer past its end is not the next one's (GC modes)
  bool uses_slow_paths_only() const { return counting || bitmap; }
};
extern PathMode path_mode;

template <class F>
void MCache::for_each_span_locked(F f) const {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    if (current_[k]) f(current_[k]);
    for (MSpan* s = partial_[k].first(); s; s = s->next) f(s);
  }
  for (MSpan* s = full_.first(); s; s = s->next) f(s);
  for (MSpan* s = spare_; s; s = s->next) f(s);
}

}  // namespace gamelan
