// allocator/mcentral.cc: taking, giving and settling.
#include "allocator/mcentral.h"

#include <initializer_list>

#include "allocator/mallocgc.h"
#include "allocator/mheap.h"
#include "allocator/purge.h"

namespace gamelan {

constinit MCentral mcentral[kSizeClasses];

MSpan* MCentral::take_partial(MCache* to) {
  Guard g(lock);
  const unsigned swept = mheap.sweepgen() / 2 % 2;
  for (unsigned half : {swept, 1 - swept}) {
    MSpan* s = partial_[half].pop_front();
    if (!s) continue;
    s->purged = 0;
    s->cache.store_seq(to);  // pairs: notify() pushes to `remote`, then loads `cache`
    return s;
  }
  return nullptr;
}

bool MCentral::put_locked(MSpan* s) {
  const RemoteWord remote = s->remote.load_acquire();
  if (s->live == remote.count() && !remote.queued()) {
    s->remote.store_relaxed(0);
    return false;
  }
  const bool has_free = s->live < s->nelems || remote.count();
  s->state = has_free ? SpanState::partial : SpanState::full;
  s->purged = 0;
  (has_free ? partial(s) : full(s)).push_back(s);
  return true;
}

void MCentral::put(MSpan* s) {
  {
    Guard g(lock);
    s->cache.store_seq(nullptr);  // pairs: notify() pushes to `remote`, then loads `cache`
    if (put_locked(s)) return;
  }
  if (s->alloc_bits) mallocgc_release_bits(s);
  mheap.free_span(s);
}

bool MCentral::settle(MSpan* s) {
  {
    Guard g(lock);
    if (s->cache.load_seq()) return false;
    (s->state == SpanState::full ? full(s) : partial(s)).remove(s);
    s->remote.fetch_and(~RemoteWord::kQueued);
    if (put_locked(s)) return true;
  }
  mheap.free_span(s);
  return true;
}

Bytes MCentral::purge() {
  Bytes gone = 0;
  Guard g(lock);
  for (SpanList& half : partial_)
    for (MSpan* s = half.first(); s; s = s->next) {
      if (s->purged) continue;
      s->purged = 1;
      gone += purge_span(s);
    }
  return gone;
}

void MCentral::freed_one_and_unlock(MSpan* s) {
  (s->state == SpanState::full ? full(s) : partial(s)).remove(s);
  s->live = s->alloc_count;
  const bool stays = put_locked(s);
  lock.unlock();
  if (stays) return;
  mallocgc_release_bits(s);
  mheap.free_span(s);
}

}  // namespace gamelan
