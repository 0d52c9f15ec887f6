// sched/helper_thread.h: the process' one background thread: today the scavenger.
//
// Owns     a raw kernel thread, unknown to libc, with all signals blocked, its own stack and a made-up TLS block. It is
//          made when there is work (8 MiB of free memory, kScavengeFrom) and ends when there is none.
// Why raw  libc counts its threads: a program that is single-threaded must stay so (`__libc_single_threaded`, setxid
//          broadcasts, pthread_exit of the last thread).
// Stop     fork, unshare, setns, set*id, capset and seccomp stop it first: the kernel treats a process with two threads
//          differently there. `forbid` is for seccomp: no helper ever after.
// Never    allocates, takes a lock of a rank below mcentral, or touches anybody's TLS.
// Go       mgcscavenge.go bgscavenge.
#pragma once

namespace gamelan::helper {

void enable();    // gcenable: from now on `wanted` may make the thread
void wanted();    // there is work; cheap when the helper already runs
int tid();        // 0: there is none
void stop();      // returns when the thread is gone; `wanted` makes a new one
void forbid();
class Pause {     // no helper while one of these lives; Blocks until a running one is gone
 public:
  Pause();
  ~Pause();
};
void before_fork();       // stops it, and keeps it from starting
void after_fork(bool in_child);

}  // namespace gamelan::helper
