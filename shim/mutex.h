// shim/mutex.h: pthread mutexes, for those who stand on them: condition variables, C11.
//
// Owns     nothing: the object is the program's, laid out as glibc's. __lock is 0 free, 1 held, 2 held with waiters
//          (Drepper, "Futexes Are Tricky"), so that static initialisers, libc's init, destroy and debuggers are right.
// Kinds    normal, recursive, error-checking, adaptive: ours. Robust, priority-inheriting or -protecting and
//          process-shared ones are libc's and the kernel's: while a G holds one, it is wired to its M.
// Fair     a freed mutex goes to whoever comes first; a waiter that was woken in vain for 10 ms is handed it.
// Go       sync/mutex.go (its starvation mode is per mutex, ours per waiter).
#pragma once
#include <pthread.h>
#include <time.h>

#include "allocator/base/words.h"

namespace gamelan::mutex {

// All: goroutine mode only, any kind; 0 or an error as the pthread function of that name.
int lock(pthread_mutex_t* m);
int try_lock(pthread_mutex_t* m);
int lock_until(pthread_mutex_t* m, clockid_t clock, const timespec* at);
int unlock(pthread_mutex_t* m);

// ---- for condition variables ----
// 0, or EPERM where the kind knows that the caller does not hold it.
int check_held(pthread_mutex_t* m);
// The waiter stays one of __nusers, so that destroy says EBUSY. `contended`: others may wait behind the caller.
void unlock_to_wait(pthread_mutex_t* m);
int lock_after_wait(pthread_mutex_t* m, bool contended);
// The word that waiters for `m` are parked at; nullptr: they wait in the kernel.
const void* queue_of(pthread_mutex_t* m);
// A parking_lot::IsHeld: marks a held word as one with waiters.
bool announce_waiter(const void* word);

}  // namespace gamelan::mutex
