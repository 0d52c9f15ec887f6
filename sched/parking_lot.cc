// sched/parking_lot.cc: buckets, and the order of steps that loses no wake-up.
//
// A waiter  counts itself, then looks at its condition under the bucket's lock, then queues. A waker changes the
//           condition, then reads the count: one of the two sees the other (both sides are sequentially consistent).
// A waker   takes the node out of the queue, then claims the wait. A claim that fails went to a timer or an interrupter;
//           the waiter then finds itself no longer queued. After a claim the waker does not touch the node: a waiter
//           that had not left its stack yet may be gone.
#include "sched/parking_lot.h"

#include "sched/proc.h"
#include "sched/spin_lock.h"

namespace gamelan::parking_lot {

namespace {
struct alignas(32) Bucket {
  SpinLock lock;
  Atomic<uint32_t> waiters;
  G* head;
  G* tail;

  void push_back(G* g) {
    g->parked.next = nullptr;
    g->parked.prev = tail;
    (tail ? tail->parked.next : head) = g;
    tail = g;
    g->parked.queued = true;
  }
  void remove(G* g) {
    ParkedNode& n = g->parked;
    (n.prev ? n.prev->parked.next : head) = n.next;
    (n.next ? n.next->parked.prev : tail) = n.prev;
    n.queued = false;
    waiters.fetch_sub(1);
  }
};

// One per about thirty waiters when a million wait; only those in use are backed by memory.
constexpr unsigned kBucketBits = 15;
constinit Bucket buckets[1u << kBucketBits] = {};

Bucket& bucket_of(const void* address) {
  const uint64_t hash = (reinterpret_cast<uint64_t>(address) >> 2) * 0x9e3779b97f4a7c15;
  return buckets[hash >> (64 - kBucketBits)];
}

// Gs to make runnable once the lock is free.
class ReadyList {
 public:
  void add(G* g) {
    g->schedlink = nullptr;
    (tail_ ? tail_->schedlink : head_) = g;
    tail_ = g;
  }
  void make_ready() {
    while (G* g = head_) {
      head_ = g->schedlink;
      sched::ready(g);
    }
  }

 private:
  G* head_ = nullptr;
  G* tail_ = nullptr;
};

// Under the lock of `g`'s bucket. True: this wake-up is ours.
bool take_out_and_claim(Bucket& b, G* g, Wake why, ReadyList* list) {
  const WaitWord::Ticket ticket = g->parked.ticket;
  b.remove(g);
  bool parked;
  if (!g->wait.claim(ticket, why, &parked)) return false;
  if (parked) list->add(g);
  return true;
}

// The caller's wait ended without a waker: it may still be in a queue, perhaps another than it began in.
void leave_queue(G* g) {
  for (;;) {
    Bucket& b = bucket_of(__atomic_load_n(&g->parked.address, __ATOMIC_ACQUIRE));
    SpinGuard guard(b.lock);
    if (&b != &bucket_of(g->parked.address)) continue;
    if (g->parked.queued) b.remove(g);
    return;
  }
}

struct WordIs {
  const uint32_t* word;
  uint32_t expected;
};
bool word_is(void* context) {
  auto* w = static_cast<WordIs*>(context);
  return __atomic_load_n(w->word, __ATOMIC_SEQ_CST) == w->expected;
}
}  // namespace

// Puts the caller into the address' queue, if the condition still holds there.
static bool enqueue(G* g, const Wait& w, Validate validate, void* context) {
  RuntimeSection section;
  Bucket& b = bucket_of(w.address);
  b.waiters.fetch_add(1);  // before the look: pairs: wake load_seq
  SpinGuard guard(b.lock);
  if (!validate(context)) {
    b.waiters.fetch_sub(1);
    return false;
  }
  g->interruptible = w.interruptible;
  g->parked.address = w.address;
  g->parked.bits = w.bits;
  g->parked.ticket = g->wait.begin();
  b.push_back(g);
  return true;
}

Wake wait_if(const Wait& w, Validate validate, BeforeSleep before_sleep, void* context) {
  G* g = self();
  if (!enqueue(g, w, validate, context)) return Wake::value_changed;
  if (before_sleep) before_sleep(context);  // outside of a section: it may wake others
  RuntimeSection section;
  const Wake why = sched::sleep(w.deadline, w.reason);
  if (why != Wake::woken) leave_queue(g);
  return why;
}

Wake wait(const Wait& w, uint32_t expected) {
  WordIs is{static_cast<const uint32_t*>(w.address), expected};
  return wait_if(w, word_is, nullptr, &is);
}

int wake(const void* address, int most, uint32_t bits) {
  if (GAMELAN_LIKELY(bucket_of(address).waiters.load_seq() == 0)) return 0;  // pairs: enqueue fetch_add
  if (GAMELAN_UNLIKELY(sched::is_in_runtime())) return sched::wake_later(address, most);
  RuntimeSection section;
  return wake_in_section(address, most, bits);
}

int wake_in_section(const void* address, int most, uint32_t bits) {
  Bucket& b = bucket_of(address);
  if (b.waiters.load_seq() == 0) return 0;
  ReadyList list;
  int woken = 0;
  {
    SpinGuard guard(b.lock);
    for (G *g = b.head, *next; g && woken < most; g = next) {
      next = g->parked.next;
      if (g->parked.address == address && (g->parked.bits & bits)) woken += take_out_and_claim(b, g, Wake::woken, &list);
    }
  }
  list.make_ready();
  return woken;
}

int requeue(const void* from, const void* to, int wake_most, int move_most, const uint32_t* expected) {
  RuntimeSection section;
  ReadyList list;
  Bucket &a = bucket_of(from), &b = bucket_of(to);
  Bucket &first = &a < &b ? a : b, &second = &a < &b ? b : a;
  first.lock.lock();
  if (&first != &second) second.lock.lock();
  int done = 0, woken = 0;
  const bool go_on = !expected || __atomic_load_n(static_cast<const uint32_t*>(from), __ATOMIC_SEQ_CST) == *expected;
  for (G *g = go_on ? a.head : nullptr, *next; g; g = next) {
    next = g->parked.next;
    if (g->parked.address != from) continue;
    if (woken < wake_most) {
      if (take_out_and_claim(a, g, Wake::woken, &list)) woken++, done++;
      continue;
    }
    if (done - woken >= move_most) break;
    a.remove(g);
    b.waiters.fetch_add(1);
    __atomic_store_n(&g->parked.address, to, __ATOMIC_RELEASE);  // pairs: leave_queue
    b.push_back(g);
    done++;
  }
  if (&first != &second) second.lock.unlock();
  first.lock.unlock();
  list.make_ready();
  return go_on ? done : -1;
}

bool interrupt(G* g) {
  RuntimeSection section;
  if (!__atomic_load_n(&g->interruptible, __ATOMIC_SEQ_CST)) return false;
  bool parked;
  if (!g->wait.claim(g->wait.ticket(), Wake::interrupted, &parked)) return false;
  if (parked) sched::ready(g);
  return true;
}

void forget_in_child(G* g) {
  if (!g->parked.queued) return;
  Bucket& b = bucket_of(g->parked.address);
  b.lock.reset_in_child();
  b.waiters.store_relaxed(0);
  b.head = b.tail = nullptr;
  g->parked.queued = false;
}

}  // namespace gamelan::parking_lot
