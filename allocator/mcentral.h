// allocator/mcentral.h: the spans of one size class that no cache holds.
//
// Owns     two sets, partial (some object is free) and full, each in a swept and an unswept half that trade places
//          when the collector's sweep generation moves on.
// Locks    mcentral, one per class. A span is here exactly while its `cache` is nullptr and it is not large.
// Live     of a span here: the objects not on its local free list; those on `remote` are counted by `remote`.
// Go       mcentral.go.  Differs: lists under a lock where Go has lock-free span sets; frees arrive one batch at a time.
#pragma once
#include "allocator/base/lock.h"
#include "allocator/mspan.h"

namespace gamelan {

class MCentral {
 public:
  // A span with free objects, now `to`'s (state partial), or nullptr.
  MSpan* take_partial(MCache* to);
  // A span that its cache gives up. In: state partial, full or empty, `live` as above. Empty ones go to MHeap.
  void put(MSpan* s);
  // Remote frees have arrived on `s` and the caller owns its queued flag. Puts the span where it now belongs.
  // Returns false where a cache has taken the span meanwhile: it must be told instead.
  bool settle(MSpan* s);

  // mallocgc: an object of `s`, which is here, was freed; alloc_count says how many live. Takes and gives up `lock`.
  void freed_one_and_unlock(MSpan* s);

  // purge_span for each partial span, once per stay and change; for the helper thread. Returns bytes given back.
  Bytes purge();

  template <class F> void for_each_locked(F f) const {
    for (int half = 0; half < 2; half++)
      for (const SpanList* l : {&partial_[half], &full_[half]})
        for (MSpan* s = l->first(); s; s = s->next) f(s);
  }

  Lock lock{LockRank::mcentral};

 private:
  SpanList& partial(const MSpan* s) { return partial_[s->sweepgen / 2 % 2]; }
  SpanList& full(const MSpan* s) { return full_[s->sweepgen / 2 % 2]; }
  bool put_locked(MSpan* s);  // false: the span is empty and the caller's to free

  SpanList partial_[2], full_[2];
};

extern MCentral mcentral[kSizeClasses];

}  // namespace gamelan
