// sched/threads.h: a record per kernel thread, and the cache that it allocates from.
//
// Owns     the list of `ThreadRecord`s and the idle MCaches. A record is made by our pthread_create, or at its first
//          allocation for a thread that was made behind our back (inside libc, by clone).
// End      noticed after the thread's TSD destructors: our key's destructor asks for another round until POSIX' last
//          one. What libc frees after that goes to the allocator's late cache.
// Locks    threads.  A cache is idle, or some thread's; whoever holds the list's lock may hand an idle one out.
// Go       proc.go allm, mcommoninit.  Native mode: a record is an M with its own P's cache.
#pragma once
#include "allocator/base/atomic.h"
#include "allocator/base/words.h"
#include "sched/g.h"

namespace gamelan {

class MCache;

enum class ThreadState : uint32_t {
  starting,  // made by pthread_create's caller; not yet on its own stack
  running,   // its stack, registers and TLS are roots
  ended,     // its cache is idle; the record is reused
};

struct ThreadRecord {
  int tid;
  Atomic<ThreadState> state;
  uintptr_t stack_low, stack_high;  // 0: not known (a thread made behind our back)
  MCache* cache;
  void* (*start)(void*);
  void* arg;
  unsigned rounds_left;  // of TSD destructors
  G* g;                  // the thread's own block; nullptr: a cache that is a processor's
  uintptr_t fs;          // likewise its thread pointer
  Atomic<bool> is_given_up;  // joined or detached: its result is nobody's
  uint32_t process;      // how many forks ago the program began: other processes' threads are not here
  StopPoint stop_point;
  ThreadRecord* made_next;  // of all that were ever made
  ThreadRecord* next;
  ThreadRecord* prev;
};

namespace threads {

// osinit has run. Makes the main thread's record; false: no memory for it.
bool init_main();
// The calling thread's cache, as HeapHooks::acquire_cache promises.
MCache* acquire_cache();
// For pthread_create: a record for the thread to be, or nullptr.
ThreadRecord* prepare(void* (*start)(void*), void* arg, Bytes stack_size, bool detached);
void discard(ThreadRecord* r);        // pthread_create failed
void* run(ThreadRecord* r);           // on the new thread
ThreadRecord* current();              // nullptr before the first allocation
// A record whose cache is a processor's, not a thread's; nullptr: no memory.
ThreadRecord* lend_cache();
void return_cache(ThreadRecord* r);   // its spans go to the centrals
void note_given_up(uintptr_t thread_pointer);  // joined or detached
ThreadRecord* give_up_current();      // the calling thread's own becomes such a one
void before_fork();                   // takes the lock
// Gives it up. The child keeps its own record only: the forking thread's, or `keep`, its processor's.
void after_fork(bool in_child, ThreadRecord* keep);
// In a fork's child: one of the caches that threads of the parent left behind is mended and given up; cheap where there
// is none. Called now and then, since most children exec before they need the memory. False: none was left.
bool mend_one();
uint64_t live();
// Every record that was ever made, for those who look at its state: one that is made meanwhile may be missed.
ThreadRecord* first_made();
bool runs(const ThreadRecord* r);     // it stands for a kernel thread of this process

}  // namespace threads
}  // namespace gamelan
