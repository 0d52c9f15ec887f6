// sched/parking_lot.cc: buckets, and the order of steps that loses no wake-up.
//
// A waiter  counts itself as it takes the bucket's lock, in one step, then looks at its condition, then queues. A waker
//           changes the condition, then reads the count: one of the two sees the other (both sides are sequentially
//           consistent).
// A waker   takes the node out of the queue, then claims the wait. A claim that fails went to a timer or an interrupter;
//           the waiter then finds itself no longer queued. After a claim the waker does not touch the node: a waiter
//           that had not left its stack yet may be gone.
#include "sched/parking_lot.h"

#include <limits.h>
#include <stddef.h>

#include "sched/proc.h"
#include "sched/signals.h"
#include "sched/spin_lock.h"

namespace gamelan::parking_lot {

namespace {
struct alignas(32) Bucket {
  SpinLock lock;
  Atomic<uint32_t> waiters;  // in the queue, or about to look; changed under the lock
  G* head;
  G* tail;

  // Takes the lock and adds a waiter: 5 ns less than one after the other.
  void lock_as_waiter() {
    using Both = uint64_t __attribute__((may_alias));
    auto* both = reinterpret_cast<Both*>(this);
    uint64_t free = uint64_t{waiters.load_relaxed()} << 32;
    while (!__atomic_compare_exchange_n(both, &free, free + kOneWaiter + kLocked, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
      if (free & kLocked) lock.wait_until_free();
      free = uint64_t{waiters.load_relaxed()} << 32;
    }
  }
  void add_waiters(uint32_t n) { waiters.store_relaxed(waiters.load_relaxed() + n); }
  static constexpr uint64_t kOneWaiter = uint64_t{1} << 32, kLocked = 1;

  void push_back(G* g) {
    g->parked.next = nullptr;
    g->parked.prev = tail;
    (tail ? tail->parked.next : head) = g;
    tail = g;
    g->parked.queued = true;
  }
  void push_front(G* g) {
    g->parked.next = head;
    g->parked.prev = nullptr;
    (head ? head->parked.prev : tail) = g;
    head = g;
    g->parked.queued = true;
  }
  G* next_at(G* g, const void* address) const {
    while (g && g->parked.address != address) g = g->parked.next;
    return g;
  }
  G* first_at(const void* address) const { return next_at(head, address); }
  void remove(G* g) {
    ParkedNode& n = g->parked;
    (n.prev ? n.prev->parked.next : head) = n.next;
    (n.next ? n.next->parked.prev : tail) = n.prev;
    n.queued = false;
    add_waiters(-1u);
  }
};
static_assert(offsetof(Bucket, waiters) == sizeof(SpinLock) && sizeof(SpinLock) == 4);

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
  G* take() {
    G* g = head_;
    if (g) head_ = g->schedlink;
    return g;
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
// True: a broadcast had moved it, so that it is as good as woken.
bool leave_queue(G* g) {
  for (;;) {
    Bucket& b = bucket_of(__atomic_load_n(&g->parked.address, __ATOMIC_ACQUIRE));  // pairs: move_to
    SpinGuard guard(b.lock);
    if (&b != &bucket_of(g->parked.address)) continue;
    if (g->parked.queued) b.remove(g);
    return g->parked.address == g->parked.then;
  }
}

// Under both buckets' locks.
void move_to(Bucket& from, Bucket& to, G* g, const void* address) {
  from.remove(g);
  to.add_waiters(1);
  __atomic_store_n(&g->parked.address, address, __ATOMIC_RELEASE);  // pairs: leave_queue
  to.push_back(g);
}

// The locks of two buckets, which may be one.
class TwoGuards {
 public:
  TwoGuards(Bucket& a, Bucket& b) : first_(&a < &b ? a : b), second_(&a < &b ? b : a) {
    first_.lock.lock();
    if (&first_ != &second_) second_.lock.lock();
  }
  ~TwoGuards() {
    if (&first_ != &second_) second_.lock.unlock();
    first_.lock.unlock();
  }
  TwoGuards(const TwoGuards&) = delete;
  TwoGuards& operator=(const TwoGuards&) = delete;

 private:
  Bucket& first_;
  Bucket& second_;
};

// Whether the caller may enter a bucket at all: not in a signal handler that interrupted the holder of one, nor in a
// vfork's child, whose parent's M is not there to wake or park anybody.
bool may_enter() { return !sched::is_in_runtime() && !tls_g.is_in_vfork(); }

// Nor does a handler that interrupted our code park its G, or one that interrupted the wait of a native thread.
// Nor may one wait within a wait: in a handler that came between queueing and sleeping.
bool may_wait() { return may_enter() && !tls_g.pinned.load_relaxed() && !tls_g.holds_signals && tls_g.wait.is_over(); }

// Such a caller looks at its condition again and again.
Wake wait_outside(const Wait& w, BeforeSleep before_sleep, void* context) {
  if (before_sleep) before_sleep(context);
  sys::sleep_for(kMilli / 20);
  return w.deadline != kForever && sys::monotonic_now() >= w.deadline ? Wake::timed_out : Wake::woken;
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
  b.lock_as_waiter();  // counted before the look; pairs: wake's load_seq
  const bool waits = validate(context);
  if (waits) {
    sched::set_interrupts(g, true, w.cancellable);
    g->parked.address = w.address;
    g->parked.then = w.then;
    g->parked.bits = w.bits;
    g->parked.urgent = w.urgent;
    g->parked.ticket = g->wait.begin();
    w.urgent ? b.push_front(g) : b.push_back(g);
  } else {
    b.add_waiters(-1u);
  }
  b.lock.unlock();
  return waits;
}

// As a woken one, if it was moved.
static Wake sleep_in_queue(G* g, const Wait& w) {
  RuntimeSection section;
  const Wake why = sched::sleep(w.deadline, w.reason);
  return is_woken(why) || !leave_queue(g) ? why : Wake::woken;
}

Wake wait_if(const Wait& w, Validate validate, BeforeSleep before_sleep, void* context) {
  G* g = self();
  if (GAMELAN_UNLIKELY(!may_wait())) return wait_outside(w, before_sleep, context);
  g->holds_signals = true;  // a handler that waits itself would take the G out of this queue
  Wake why = Wake::value_changed;
  if (enqueue(g, w, validate, context)) {
    if (before_sleep) before_sleep(context);  // outside of a section: it may wake others
    why = sleep_in_queue(g, w);
  }
  g->holds_signals = false;
  if (GAMELAN_UNLIKELY(g->attention.load_relaxed())) sched::attend();
  return why;
}

Wake wait(const Wait& w, uint32_t expected) {
  WordIs is{static_cast<const uint32_t*>(w.address), expected};
  return wait_if(w, word_is, nullptr, &is);
}

int wake(const void* address, int most, uint32_t bits) {
  if (GAMELAN_LIKELY(bucket_of(address).waiters.load_seq() == 0)) return 0;  // pairs: lock_as_waiter
  if (GAMELAN_UNLIKELY(!may_enter())) return sched::wake_later(address, most);
  RuntimeSection section;
  return wake_in_section(address, most, bits);
}

G* take_parked(const void* address) {
  Bucket& b = bucket_of(address);
  if (b.waiters.load_seq() == 0) return nullptr;
  ReadyList list;
  {
    SpinGuard guard(b.lock);
    G* g = b.first_at(address);
    if (!g || !take_out_and_claim(b, g, Wake::woken, &list)) return nullptr;
  }
  G* g = list.take();
  if (!g || g->kind == GKind::goroutine) return g;
  sched::ready(g);
  return nullptr;
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

void wake_one(const void* address, Release release, void* context) {
  if (GAMELAN_UNLIKELY(!may_enter())) {
    release(context, Wake::woken_more);  // as if somebody waited, and others too: none is known
    sched::wake_later(address, 1);
    return;
  }
  RuntimeSection section;
  ReadyList list;
  Bucket& b = bucket_of(address);
  {
    SpinGuard guard(b.lock);
    Wake how = Wake::none;
    for (G *g = b.first_at(address), *next; g; g = next) {
      next = b.next_at(g->parked.next, address);
      const Wake why = g->parked.urgent ? Wake::handed_over : next ? Wake::woken_more : Wake::woken;
      if (!take_out_and_claim(b, g, why, &list)) continue;
      how = why;
      break;
    }
    release(context, how);
  }
  list.make_ready();
}

// Those who go on to `to` move there. Only if nobody holds that, the first of them is woken: it takes the mutex as a
// contended one, and with it the duty to wake the next.
static void wake_or_move_to(Bucket& a, const void* address, const void* to, IsHeld is_held) {
  ReadyList list;
  {
    Bucket& b = bucket_of(to);
    TwoGuards guard(a, b);
    bool moves = is_held(to);
    for (G *g = a.first_at(address), *next; g; g = next) {
      next = a.next_at(g->parked.next, address);
      if (g->parked.then != to) take_out_and_claim(a, g, Wake::woken, &list);
      else if (moves) move_to(a, b, g, to);
      else moves = take_out_and_claim(a, g, next ? Wake::woken_more : Wake::woken, &list);
    }
  }
  list.make_ready();
}

GAMELAN_NOINLINE static void wake_or_move_slow(Bucket& b, const void* address, IsHeld is_held) {
  if (GAMELAN_UNLIKELY(!may_enter())) {
    sched::wake_later(address, INT_MAX);
    return;
  }
  RuntimeSection section;
  const void* to;
  {
    SpinGuard guard(b.lock);
    G* first = b.first_at(address);
    to = first ? first->parked.then : nullptr;
  }
  if (to) wake_or_move_to(b, address, to, is_held);
  else wake_in_section(address, INT_MAX);
}

void wake_or_move(const void* address, IsHeld is_held) {
  Bucket& b = bucket_of(address);
  if (GAMELAN_UNLIKELY(b.waiters.load_seq() != 0)) wake_or_move_slow(b, address, is_held);  // pairs: lock_as_waiter
}

int requeue(const void* from, const void* to, int wake_most, int move_most, const uint32_t* expected) {
  if (GAMELAN_UNLIKELY(!may_enter())) return sched::wake_later(from, INT_MAX);
  RuntimeSection section;
  ReadyList list;
  Bucket &a = bucket_of(from), &b = bucket_of(to);
  int woken = 0, moved = 0;
  {
    TwoGuards guard(a, b);
    if (expected && __atomic_load_n(static_cast<const uint32_t*>(from), __ATOMIC_SEQ_CST) != *expected) return -1;
    for (G *g = a.first_at(from), *next; g; g = next) {
      next = a.next_at(g->parked.next, from);
      if (woken < wake_most) woken += take_out_and_claim(a, g, Wake::woken, &list);
      else if (moved++ == move_most) break;
      else if (from != to) move_to(a, b, g, to);
    }
  }
  list.make_ready();
  return woken + min_of(moved, move_most);
}

static bool interrupt_if(G* g, const bool* lets_it) {
  RuntimeSection section;
  if (!__atomic_load_n(lets_it, __ATOMIC_RELAXED)) return false;  // after the request was stored; pairs: set_interrupts
  bool parked;
  if (!g->wait.claim(g->wait.ticket(), Wake::interrupted, &parked)) return false;
  if (parked) sched::ready(g);
  return true;
}

bool interrupt(G* g) { return interrupt_if(g, &g->interruptible); }
bool interrupt_to_cancel(G* g) { return interrupt_if(g, &g->cancellable); }

void forget_in_child(G* g) {
  if (!g->parked.queued) return;
  Bucket& b = bucket_of(g->parked.address);
  b.lock.reset_in_child();
  b.waiters.store_relaxed(0);
  b.head = b.tail = nullptr;
  g->parked.queued = false;
}

}  // namespace gamelan::parking_lot
