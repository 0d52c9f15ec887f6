// sched/descriptors.h: what we know of each descriptor number.
//
// Owns     a two-level table of `Descriptor`, off-heap, a block of 4096 numbers made at the first use of one of them:
//          any RLIMIT_NOFILE. Blocks are never unmapped.
// Threads  any. `lock` guards the waiters, which are netpoll's; `kind` is a hint, and may lag behind a close that we do
//          not see (io_uring): its users notice (ENOTSOCK) or do not care.
// Go       poll.FD, internal/poll.
#pragma once
#include "allocator/base/atomic.h"
#include "sched/spin_lock.h"

namespace gamelan {

enum class FileKind : uint8_t {
  unknown,
  blocking,   // regular files, directories, devices: a call is the only way to know
  pipe,
  anonymous,  // eventfd, timerfd, inotify, ...
  stream,     // the sockets by their types
  seqpacket,
  message,
};

struct PollWaiter;

// That O_NONBLOCK was seen unset, which saves asking each time. Not known any more once anybody sets flags (all holders
// of a file share them, and a file may have several numbers), or once the number was closed: also while one looks.
// Another process that sets O_NONBLOCK on a file that it shares with us goes unnoticed: calls here wait as before.
class SeenBlocking {
 public:
  bool holds() const { return static_cast<uint32_t>(word_.load_acquire()) == settings_.load_acquire(); }
  uint64_t begin_look() const { return (word_.load_acquire() & kCloses) | settings_.load_acquire(); }
  void end_look(uint64_t begun) {
    uint64_t before = word_.load_relaxed();
    if ((before & kCloses) == (begun & kCloses)) word_.compare_exchange(before, begun);
  }
  void forget() { word_.store_release((word_.load_relaxed() & kCloses) + kOneClose); }
  static void note_setting() { settings_.fetch_add(1); }  // after it was made; 2^32 of them during a look do not happen

 private:
  static constexpr uint64_t kOneClose = uint64_t{1} << 32, kCloses = ~(kOneClose - 1);
  static constinit inline Atomic<uint32_t> settings_{1};
  Atomic<uint64_t> word_;  // how often closed, and the number of settings when it was seen
};

// Whether a first try has found nothing so often that the next one is not worth a system call.
class Dryness {
 public:
  bool expects_nothing() {
    const uint8_t n = count_.load_relaxed();
    if (GAMELAN_LIKELY(n < kEnough)) return false;
    if (n == kProbe) return false;
    count_.store_relaxed(static_cast<uint8_t>(n + 1));
    return true;
  }
  void found_nothing() {
    const uint8_t n = count_.load_relaxed();
    count_.store_relaxed(n < kEnough ? static_cast<uint8_t>(n + 1) : kEnough);
  }
  void found() {
    if (GAMELAN_UNLIKELY(count_.load_relaxed() != 0)) count_.store_relaxed(0);
  }

 private:
  static constexpr uint8_t kEnough = 4, kProbe = kEnough + 15;  // one in 16 is tried all the same
  Atomic<uint8_t> count_;
};

// A TCP connection that accept made is registered for edges once, instead of a one-shot per wait: where the last read came
// back short or empty, and no edge came since it began, nothing is there, and its reader may sleep without a system call.
// Only for one reader at a time; whoever waits otherwise makes one-shots of it. After an end, an error, urgent data: one-shots.
class Edge {
 public:
  using Mark = uint32_t;  // how many edges came, and the flags below
  Mark now() const { return word_.load_acquire(); }  // before a read begins
  void found_dry(Mark begun) { dry_.store_relaxed(begun); }
  bool is_dry(Mark m) const { return (m & (kArmed | kEnding)) == kArmed && m == dry_.load_relaxed(); }
  static bool is_armed(Mark m) { return m & kArmed; }

  void allow() { word_.store_release(kAllowed); }   // a new connection
  void forget() { word_.store_release(0); }

  // -- under the descriptor's lock --
  bool is_allowed() const { return (word_.load_relaxed() & (kAllowed | kEnding)) == kAllowed; }
  void arm() { word_.store_release(((word_.load_relaxed() & ~kEnding) + kOne) | kArmed); }
  void disarm() { word_.store_release(word_.load_relaxed() & ~kArmed); }
  void came(bool ending) { word_.store_release((word_.load_relaxed() + kOne) | (ending ? kEnding : 0)); }

 private:
  static constexpr Mark kAllowed = 1, kArmed = 2, kEnding = 4, kOne = 8;
  Atomic<Mark> word_;
  Atomic<Mark> dry_;
};

struct Descriptor {
  SpinLock lock;
  Atomic<FileKind> kind;
  Atomic<bool> taken;          // somebody makes a call that must find the descriptor ready
  Dryness reads, polls;        // hints
  SeenBlocking blocking;
  Edge edge;
  Atomic<PollWaiter*> first;   // written under `lock`; looked at without, for "nobody"
  PollWaiter* last;

  // The number is, or will be, another file's.
  void forget_file() {
    kind.store_relaxed(FileKind::unknown);
    reads.found();
    polls.found();
    blocking.forget();
    edge.forget();
  }
};

namespace descriptors {
Descriptor* find(int fd);      // nullptr: nobody has asked for this number yet
Descriptor* make(int fd);      // nullptr: a negative number, or no memory
int end();                     // no number from here on was asked for
void forget_file(int fd);       // what was known was another file's
void after_fork_in_child();    // nobody waits, nothing is known
}  // namespace descriptors

}  // namespace gamelan
