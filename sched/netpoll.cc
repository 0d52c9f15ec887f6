// sched/netpoll.cc: arming, events, and the order of steps that loses no wake-up.
//
// A waiter   begins its wait, then queues on each descriptor and arms it for all who wait there, under its lock. The
//            kernel looks while it arms, so that what is ready already is told at once.
// An event   has disarmed its descriptor. It takes waiters out and claims them; a claim that fails went to a timer or an
//            interrupter, and the event goes to the next one. It arms again for those whom it did not concern.
// Edges      a TCP connection that accept made has a registration for good (descriptors.h Edge). Its events are counted, also
//            while nobody waits; a reader that has seen all of them sleeps without arming. Not for files that may be closed
//            behind our back: accept gives every new connection a clean record.
// A woken    one makes its call, and passes the turn: if others wait, it looks whether there is more for them, and arms.
// Nodes      are on the waiters' stacks. A waiter takes each of its descriptors' locks before it leaves, so that nobody
//            is at a node by then.
// Spurious   wake-ups happen (another took what was there; a closed file that lives on under another number), lost ones
//            do not: whenever somebody waits, the descriptor is armed, or a woken one's turn is not over.
#include "sched/netpoll.h"

#include <errno.h>
#include <linux/futex.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "allocator/base/syscall.h"
#include "sched/descriptors.h"
#include "sched/own_descriptors.h"
#include "sched/proc.h"
#include "sched/signals.h"

namespace gamelan {

struct PollWaiter {
  PollWaiter* next;
  PollWaiter* prev;
  Descriptor* descriptor;
  G* g;
  WaitWord::Ticket ticket;
  uint32_t events;
  bool exclusive;  // takes what is there: one per readiness
  bool queued;     // under the descriptor's lock
};

namespace netpoll {

namespace {
static_assert(POLLIN == EPOLLIN && POLLPRI == EPOLLPRI && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR &&
              POLLHUP == EPOLLHUP && POLLRDHUP == EPOLLRDHUP && POLLRDNORM == EPOLLRDNORM &&
              POLLWRBAND == EPOLLWRBAND && POLLMSG == EPOLLMSG, "events pass through");
constexpr uint32_t kForAll = EPOLLERR | EPOLLHUP;
constexpr int kEvents = 128;
constexpr unsigned kOnStack = 32;  // waiter nodes; more of them get pages of their own, since stacks may be small
constexpr int kWakeNumber = -1;    // what the eventfd's events carry

constinit OwnDescriptor epoll_fd, wake_fd;
constinit SpinLock opening;
constinit Atomic<uint32_t> waiters{0};
constinit Atomic<uint32_t> interrupted{0};  // a futex while there is no epoll descriptor
constinit Atomic<uint32_t> sleepers{0};     // on that futex

long control(int operation, int fd, uint32_t events) {
  epoll_event e{};
  e.events = events;
  e.data.fd = fd;
  return sys::call(SYS_epoll_ctl, epoll_fd.number(), operation, fd, reinterpret_cast<long>(&e));
}

// Readable from the start: an interruption from before it was there may count as told already.
bool open_wake_fd() {
  const long fd = sys::call(SYS_eventfd2, 1, EFD_NONBLOCK | EFD_CLOEXEC);
  return !sys::is_error(fd) && wake_fd.adopt(static_cast<int>(fd));
}

bool open_slow() {
  SpinGuard guard(opening);
  if (epoll_fd.number() >= 0) return true;
  if (wake_fd.number() < 0 && !open_wake_fd()) return false;
  const long fd = sys::call(SYS_epoll_create1, EPOLL_CLOEXEC);
  if (sys::is_error(fd)) return false;
  epoll_event e{};
  e.events = EPOLLIN;
  e.data.fd = kWakeNumber;
  sys::call(SYS_epoll_ctl, fd, EPOLL_CTL_ADD, wake_fd.number(), reinterpret_cast<long>(&e));
  return epoll_fd.adopt(static_cast<int>(fd));
}

bool is_open() {
  if (GAMELAN_LIKELY(epoll_fd.number() >= 0)) return true;
  if (!open_slow()) return false;
  interrupt_poll();  // whoever sleeps without it
  return true;
}

// Gs that are claimed and off their stacks. Those that wait in the kernel are woken at the end, the others chained.
class ReadyList {
 public:
  void add(G* g) {
    g->schedlink = head_;
    head_ = g;
  }
  G* take_goroutines() {
    G* goroutines = nullptr;
    G** end = &goroutines;
    while (G* g = head_) {
      head_ = g->schedlink;
      if (g->kind == GKind::goroutine) *end = g, end = &g->schedlink;
      else sched::ready(g);
    }
    *end = nullptr;
    return goroutines;
  }
  void make_ready() {
    while (G* g = head_) {
      head_ = g->schedlink;
      sched::ready(g);
    }
  }

 private:
  G* head_ = nullptr;
};

// -- under the descriptor's lock --

void push_back(Descriptor* d, PollWaiter* w) {
  w->next = nullptr;
  w->prev = d->first.load_relaxed() ? d->last : nullptr;
  if (w->prev) w->prev->next = w;
  else d->first.store_relaxed(w);
  d->last = w;
  w->queued = true;
}

void remove(Descriptor* d, PollWaiter* w) {
  if (w->prev) w->prev->next = w->next;
  else d->first.store_relaxed(w->next);
  (w->next ? w->next->prev : d->last) = w->prev;
  w->queued = false;
}

uint32_t wanted(const Descriptor* d) {
  uint32_t events = 0;
  for (PollWaiter* w = d->first.load_relaxed(); w; w = w->next) events |= w->events;
  return events;
}

// 0, or -errno. Under one number there may be another file than last time: unknown to epoll, if so.
long set(int fd, uint32_t events) {
  const long r = control(EPOLL_CTL_MOD, fd, events);
  return r == -ENOENT ? control(EPOLL_CTL_ADD, fd, events) : r;
}

long arm(Descriptor* d, int fd, uint32_t events) {
  d->edge.disarm();
  return set(fd, events | EPOLLONESHOT);
}

bool is_tcp(int fd) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return !sys::is_error(sys::call(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, reinterpret_cast<long>(&protocol),
                                  reinterpret_cast<long>(&size))) && protocol == IPPROTO_TCP;
}

// The only waiter, a reader, of a connection that may have edges.
bool wants_edges(Descriptor* d, const PollWaiter* w, int fd) {
  if (!d->edge.is_allowed() || w->events != EPOLLIN || !w->exclusive || w->prev || w->next) return false;
  if (Edge::is_armed(d->edge.now()) || is_tcp(fd)) return true;
  d->edge.forget();
  return false;
}

void claim(PollWaiter* w, ReadyList* list, bool* was_ours) {
  G* g = w->g;  // after the claim the node may go
  bool parked = false;
  *was_ours = g->wait.claim(w->ticket, Wake::woken, &parked);
  if (parked) list->add(g);
}

// Wakes whom `events` concern. Returns what is to be armed again: what the others wait for, but for that of which
// somebody has the turn now.
uint32_t wake(Descriptor* d, uint32_t events, ReadyList* list) {
  uint32_t served = 0, left = 0;
  for (PollWaiter *w = d->first.load_relaxed(), *next; w; w = next) {
    next = w->next;
    const uint32_t hit = events & (w->events | kForAll);
    if (!hit || (w->exclusive && !(hit & (kForAll | ~served)))) {
      left |= w->events;
      continue;
    }
    const bool exclusive = w->exclusive;
    bool ours;
    remove(d, w);
    claim(w, list, &ours);
    if (ours && exclusive) served |= hit;
  }
  return left & ~served;
}

// Wakes everybody if that cannot be armed: the descriptor was closed.
void arm_or_wake(Descriptor* d, int fd, uint32_t events, ReadyList* list) {
  if (events && sys::is_error(arm(d, fd, events))) wake(d, kForAll, list);
}

// -- the waiter's side --

// Nothing to arm where it is dry. Something may be there where edges came since: then the wait is over at once.
long arm_edges(Descriptor* d, int fd) {
  const Edge::Mark now = d->edge.now();
  if (d->edge.is_dry(now)) return 0;
  if (Edge::is_armed(now)) {
    ReadyList nobody;  // the waiter itself, which has not left yet
    wake(d, EPOLLIN, &nobody);
    return 0;
  }
  d->edge.arm();  // what is there already comes as an edge
  return set(fd, EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET);
}

bool queue_and_arm(PollWaiter* w, int fd) {
  Descriptor* d = w->descriptor;
  SpinGuard guard(d->lock);
  push_back(d, w);
  if (!sys::is_error(wants_edges(d, w, fd) ? arm_edges(d, fd) : arm(d, fd, wanted(d)))) return true;
  if (w->queued) remove(d, w);
  d->edge.disarm();
  return false;
}

void leave(PollWaiter* w) {
  SpinGuard guard(w->descriptor->lock);
  if (w->queued) remove(w->descriptor, w);
}

// Memory for the nodes of one wait.
class Nodes {
 public:
  explicit Nodes(unsigned n) : bytes_(n * sizeof(PollWaiter)) {
    mapped_ = n > kOnStack ? static_cast<PollWaiter*>(sys::map(nullptr, bytes_, PROT_READ | PROT_WRITE, 0)) : nullptr;
    all = n > kOnStack ? mapped_ : few_;
  }
  ~Nodes() {
    if (mapped_) sys::unmap(mapped_, bytes_);
  }
  PollWaiter* all;  // nullptr: no memory

 private:
  Bytes bytes_;
  PollWaiter* mapped_;
  PollWaiter few_[kOnStack];
};

// Queues on each. False: one of them cannot be waited for. `*queued` says how many of the nodes are to be left.
bool queue_all(PollWaiter* nodes, const pollfd* fds, unsigned n, bool exclusive, unsigned* queued) {
  G* g = self();
  const WaitWord::Ticket ticket = g->wait.begin();
  for (const pollfd *p = fds, *end = fds + n; p != end; p++) {
    if (p->fd < 0) continue;
    PollWaiter& w = nodes[*queued];
    w.g = g;
    w.ticket = ticket;
    w.events = static_cast<uint16_t>(p->events);
    w.exclusive = exclusive;
    w.descriptor = descriptors::make(p->fd);
    if (!w.descriptor || !queue_and_arm(&w, p->fd)) return false;
    ++*queued;
  }
  return true;
}

// Ends a wait that did not come to sleep. Somebody may have claimed it meanwhile: that is told.
Wake call_off(WaitReason reason) {
  G* g = self();
  bool parked;
  if (!g->wait.claim(g->wait.ticket(), Wake::not_pollable, &parked)) return sched::sleep(parking_lot::kForever, reason);
  return g->wait.end();
}

Wake wait_on(PollWaiter* nodes, const pollfd* fds, unsigned n, Nanos deadline, bool interruptible, bool exclusive) {
  sched::set_interrupts(self(), interruptible, interruptible);
  const WaitReason reason = exclusive ? WaitReason::io : WaitReason::poll;
  unsigned queued = 0;
  waiters.fetch_add(1);
  const bool all = queue_all(nodes, fds, n, exclusive, &queued);
  const Wake why = all ? sched::sleep(deadline, reason) : call_off(reason);
  while (queued) leave(&nodes[--queued]);
  waiters.fetch_sub(1);
  return why;
}
}  // namespace

namespace {
Wake wait_one(int fd, short events, Nanos deadline, bool interruptible) {
  RuntimeSection section;
  if (fd < 0 || !is_open()) return Wake::not_pollable;
  PollWaiter node;
  const pollfd p{fd, events, 0};
  return wait_on(&node, &p, 1, deadline, interruptible, true);
}

Wake wait_many(const pollfd* fds, unsigned n, Nanos deadline, bool interruptible) {
  RuntimeSection section;
  if (n && !is_open()) return Wake::not_pollable;
  Nodes nodes(n);
  if (!nodes.all) return Wake::not_pollable;
  return wait_on(nodes.all, fds, n, deadline, interruptible, false);
}

// A signal may have come for a G that was on its way already.
Wake handled(Wake why) {
  if (GAMELAN_UNLIKELY(signals::is_due(self()))) signals::raise_due();
  return why;
}
}  // namespace

Wake wait(int fd, short events, Nanos deadline, bool interruptible) {
  return handled(wait_one(fd, events, deadline, interruptible));
}

Wake wait_any(const pollfd* fds, unsigned n, Nanos deadline, bool interruptible) {
  return handled(wait_many(fds, n, deadline, interruptible));
}

// One who begins to wait after the look arms the descriptor itself.
void hand_on(int fd) {
  Descriptor* d = descriptors::find(fd);
  if (GAMELAN_LIKELY(!d || !d->first.load_relaxed())) return;
  RuntimeSection section;
  ReadyList list;
  {
    SpinGuard guard(d->lock);
    uint32_t events = wanted(d);
    pollfd p{fd, static_cast<short>(events), 0};
    if (events && sys::call(SYS_poll, reinterpret_cast<long>(&p), 1, 0) > 0)
      events = wake(d, static_cast<uint16_t>(p.revents), &list);
    arm_or_wake(d, fd, events, &list);
  }
  list.make_ready();
}

void forget(int fd) {
  Descriptor* d = descriptors::find(fd);
  if (!d) return;
  d->forget_file();
  // A handler that closes may have interrupted one who holds the lock.
  if (GAMELAN_LIKELY(!d->first.load_relaxed()) || sched::is_in_runtime()) return;
  RuntimeSection section;
  ReadyList list;
  {
    SpinGuard guard(d->lock);
    wake(d, kForAll, &list);
  }
  list.make_ready();
}

void forget_range(int first, int last) {
  last = min_of(last, descriptors::end() - 1);
  for (int fd = max_of(first, 0); fd <= last; fd++) forget(fd);
}

// -- the scheduler's side --

namespace {
constexpr long kNanosPerMilli = kMilli;

Nanos until(Nanos deadline) {
  if (deadline <= 0 || deadline == parking_lot::kForever) return deadline <= 0 ? 0 : -1;
  return max_of<Nanos>(deadline - sys::monotonic_now(), 0);
}

timespec to_timespec(Nanos t) { return {t / kSecond, t % kSecond}; }

// The first that a kernel without epoll_pwait2 (before 5.11), or a filter, refuses is the last one.
constinit Atomic<bool> only_millis{false};

long epoll_millis(epoll_event* events, Nanos t) {
  const Nanos ms = t < 0 ? -1 : min_of<Nanos>((t + kNanosPerMilli - 1) / kNanosPerMilli, 1 << 30);
  return sys::call(SYS_epoll_pwait, epoll_fd.number(), reinterpret_cast<long>(events), kEvents, ms, 0, 8);
}

// `t` < 0: for ever.
long epoll_for(epoll_event* events, Nanos t) {
  if (t <= 0 || only_millis.load_relaxed()) return epoll_millis(events, t);
  const timespec ts = to_timespec(t);
  const long r = sys::call(SYS_epoll_pwait2, epoll_fd.number(), reinterpret_cast<long>(events), kEvents,
                           reinterpret_cast<long>(&ts), 0, 8);
  if (r != -ENOSYS && r != -EPERM) return r;
  only_millis.store_relaxed(true);
  return epoll_millis(events, t);
}

// No descriptor is waited for: sleeps on a futex, until an interrupter or the first waiter comes.
void sleep_without_epoll(Nanos t) {
  const timespec ts = to_timespec(t);
  sleepers.fetch_add(1);  // pairs: interrupt_poll's look
  if (t != 0 && epoll_fd.number() < 0)
    sys::call(SYS_futex, reinterpret_cast<long>(interrupted.raw()), FUTEX_WAIT_PRIVATE, 0,
              t < 0 ? 0 : reinterpret_cast<long>(&ts));
  sleepers.fetch_sub(1);
  if (t != 0) interrupted.exchange(0);  // acquires what the interrupter published
}

// A poll that does not wait leaves the interruption to one that does.
void take_interruption(bool waited) {
  if (!waited) return;
  uint64_t count;
  sys::call(SYS_read, wake_fd.number(), reinterpret_cast<long>(&count), sizeof count);
  interrupted.exchange(0);  // acquires what the interrupter published
}

void take_event(const epoll_event& e, ReadyList* list) {
  Descriptor* d = descriptors::find(e.data.fd);
  SpinGuard guard(d->lock);
  if (Edge::is_armed(d->edge.now())) d->edge.came(e.events & (kForAll | EPOLLRDHUP | EPOLLPRI));
  arm_or_wake(d, e.data.fd, wake(d, e.events, list), list);
}
}  // namespace

G* poll(Nanos deadline) {
  RuntimeSection section;
  const Nanos t = until(deadline);
  if (epoll_fd.number() < 0) return sleep_without_epoll(t), nullptr;
  epoll_event events[kEvents];
  ReadyList list;
  const long n = epoll_for(events, t);
  for (long i = 0; i < n; i++) {
    if (events[i].data.fd == kWakeNumber) take_interruption(t != 0);
    else take_event(events[i], &list);
  }
  return list.take_goroutines();
}

bool has_waiters() { return waiters.load_acquire() != 0; }

void interrupt_poll() {
  if (interrupted.exchange(1)) return;  // somebody has, and no poll has seen it yet
  const uint64_t one = 1;
  if (wake_fd.number() >= 0) sys::call(SYS_write, wake_fd.number(), reinterpret_cast<long>(&one), sizeof one);
  if (sleepers.load_seq()) sys::call(SYS_futex, reinterpret_cast<long>(interrupted.raw()), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

// The parent's descriptors are shared with the child: what is armed there is the parent's.
void after_fork_in_child() {
  epoll_fd.close();
  wake_fd.close();
  opening.reset_in_child();
  own_descriptors::after_fork_in_child();
  waiters.store_relaxed(0);
  interrupted.store_relaxed(0);
  sleepers.store_relaxed(0);
  descriptors::after_fork_in_child();
}

}  // namespace netpoll

}  // namespace gamelan
