// shim/select.cc: select(2), pselect(2).
//
// Blocks   the G.  Time  select tells what is left of it, as Linux does; pselect does not.
// Source   POSIX.1-2017 select; select(2); fs/select.c for which events count for which set.
#include <sys/mman.h>
#include <sys/select.h>

#include "allocator/base/mem.h"
#include "sched/netpoll.h"
#include "shim/io.h"
#include "shim/io_call.h"
#include "shim/next.h"
#include "shim/ready_wait.h"
#include "shim/signals.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
constexpr int kSets = 3;
constexpr short kEvents[kSets] = {POLLIN | POLLRDNORM | POLLRDBAND, POLLOUT | POLLWRNORM | POLLWRBAND, POLLPRI};

// The descriptors of the sets as poll wants them: a few on the stack, which may be small, more in pages of their own.
class PollList {
 public:
  PollList() = default;
  ~PollList() {
    if (all_ && all_ != few_) sys::unmap(all_, bytes_);
  }
  bool make(unsigned most) {
    bytes_ = most * sizeof(pollfd);
    all_ = most <= kFew ? few_ : static_cast<pollfd*>(sys::map(nullptr, bytes_, PROT_READ | PROT_WRITE, 0));
    return all_;
  }
  void add(int fd, short events) { all_[count_++] = {fd, events, 0}; }
  bool is_made() const { return all_ != nullptr; }
  pollfd* all() { return all_; }
  unsigned count() const { return count_; }

 private:
  static constexpr unsigned kFew = 64;
  pollfd few_[kFew];
  pollfd* all_ = nullptr;
  Bytes bytes_ = 0;
  unsigned count_ = 0;
};

// The program's sets, which every look overwrites.
class Sets {
 public:
  Sets(int n, fd_set* r, fd_set* w, fd_set* e) : n_(n), bytes_(align_up(static_cast<uint64_t>(n), 64) / 8), theirs_{r, w, e} {
    for (int i = 0; i < kSets; i++)
      if (theirs_[i]) mem::copy(&wanted_[i], theirs_[i], bytes_);
  }
  // The kernel's answer; into the program's sets unless there is nothing.
  long look() {
    timespec none{};
    fd_set seen[kSets];
    for (int i = 0; i < kSets; i++) mem::copy(&seen[i], &wanted_[i], bytes_);
    const long r = look_again([&] { return sys::call(SYS_pselect6, n_, at(seen, 0), at(seen, 1), at(seen, 2), word(&none), 0); });
    if (r > 0) answer(seen);
    return r;
  }
  void answer_nothing() {
    for (fd_set* s : theirs_)
      if (s) mem::zero(s, bytes_);
  }
  Wake wait(Nanos deadline) {
    if (!list_.is_made() && !make_list()) return Wake::not_pollable;
    return netpoll::wait_any(list_.all(), list_.count(), deadline);
  }
  bool is_woken_again() { return sys::call(SYS_poll, word(list_.all()), list_.count(), 0) > 0; }

 private:
  long at(fd_set* sets, int i) const { return theirs_[i] ? word(&sets[i]) : 0; }
  void answer(const fd_set* seen) {
    for (int i = 0; i < kSets; i++)
      if (theirs_[i]) mem::copy(theirs_[i], &seen[i], bytes_);
  }
  bool make_list() {
    if (!list_.make(static_cast<unsigned>(n_))) return false;
    for (int fd = 0; fd < n_; fd++)
      if (const short events = events_of(fd)) list_.add(fd, events);
    return true;
  }
  short events_of(int fd) const {
    short events = 0;
    for (int i = 0; i < kSets; i++)
      if (theirs_[i] && FD_ISSET(fd, &wanted_[i])) events = static_cast<short>(events | kEvents[i]);
    return events;
  }

  int n_;
  Bytes bytes_;
  fd_set* theirs_[kSets];
  fd_set wanted_[kSets];
  PollList list_;
};

long select_in_kernel(int n, fd_set* r, fd_set* w, fd_set* e, Nanos deadline) {
  timespec room;
  return block(SYS_pselect6, n, word(r), word(w), word(e), word(time_left(deadline, &room)));
}

// Sets beyond FD_SETSIZE are some programs' own.
bool is_odd(int n) { return n < 0 || n > FD_SETSIZE; }

long select_sets(int n, fd_set* r, fd_set* w, fd_set* e, Nanos deadline) {
  Sets sets(n, r, w, e);
  const long found = until_ready(
      deadline, [&] { return sets.look(); }, [&] { return sets.wait(deadline); }, [&] { return sets.is_woken_again(); },
      [&] { return select_in_kernel(n, r, w, e, deadline); });
  if (found == 0) sets.answer_nothing();
  return found;
}

long select_until(int n, fd_set* r, fd_set* w, fd_set* e, Nanos deadline) {
  cancel::point();
  return is_odd(n) ? select_in_kernel(n, r, w, e, deadline) : end(select_sets(n, r, w, e, deadline));
}

// What is ready already comes before a signal that the mask would let through.
long select_under(int n, fd_set* r, fd_set* w, fd_set* e, Nanos deadline, uint64_t mask) {
  cancel::point();
  if (!is_odd(n)) {
    Sets sets(n, r, w, e);
    if (const long found = sets.look()) return found;
  }
  signals::OtherMask other(mask);
  return other.has_handled() ? -EINTR : select_until(n, r, w, e, deadline);
}

bool is_valid(const timespec& t) { return t.tv_sec >= 0 && has_valid_nanos(t); }
}  // namespace

namespace gamelan::io {

long select(int n, fd_set* r, fd_set* w, fd_set* e, timeval* time_out) {
  if (!time_out) return select_until(n, r, w, e, parking_lot::kForever);
  if (time_out->tv_sec < 0 || time_out->tv_usec < 0) return -EINVAL;
  // Microseconds may be more than a second's: Linux takes them so.
  const timespec t{time_out->tv_sec + time_out->tv_usec / 1'000'000, time_out->tv_usec % 1'000'000 * 1000};
  const Nanos deadline = t.tv_sec || t.tv_nsec ? deadline_of(&t) : 0;
  const long found = select_until(n, r, w, e, deadline);
  timespec left{};
  if (deadline) time_left(deadline, &left);
  if (deadline != parking_lot::kForever) *time_out = {left.tv_sec, left.tv_nsec / 1000};
  return found;
}

}  // namespace gamelan::io

GAMELAN_EXPORT int select(int n, fd_set* r, fd_set* w, fd_set* e, timeval* time_out) {
  static constinit auto next = next_for(::select, "select");
  if (!can_park()) return next.waits(n, r, w, e, time_out);
  return static_cast<int>(finish(io::select(n, r, w, e, time_out)));
}

GAMELAN_EXPORT int pselect(int n, fd_set* r, fd_set* w, fd_set* e, const timespec* time_out, const sigset_t* mask) {
  static constinit auto next = next_for(pselect, "pselect");
  if (!can_park() || (time_out && !is_valid(*time_out))) return next.waits(n, r, w, e, time_out, mask);
  const Nanos deadline = deadline_of(time_out);
  if (!is_other_mask(mask)) return static_cast<int>(finish(select_until(n, r, w, e, deadline)));
  return static_cast<int>(finish(select_under(n, r, w, e, deadline, signals::word_of(mask))));
}

GAMELAN_EXPORT int __select(int n, fd_set* r, fd_set* w, fd_set* e, timeval* time_out) __attribute__((alias("select")));
