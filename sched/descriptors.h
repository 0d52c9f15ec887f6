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

struct Descriptor {
  SpinLock lock;
  Atomic<FileKind> kind;
  Atomic<bool> taken;          // somebody makes a call that must find the descriptor ready
  Atomic<PollWaiter*> first;   // written under `lock`; looked at without, for "nobody"
  PollWaiter* last;
};

namespace descriptors {
Descriptor* find(int fd);      // nullptr: nobody has asked for this number yet
Descriptor* make(int fd);      // nullptr: a negative number, or no memory
int end();                     // no number from here on was asked for
void forget_kind(int fd);
void after_fork_in_child();    // nobody waits, nothing is known
}  // namespace descriptors

}  // namespace gamelan
