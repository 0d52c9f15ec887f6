// shim/cond.h: condition variables, for those who stand on them: C11.
//
// Owns     nothing. Of glibc's object only __wrefs is used: bit 0 process-shared, bit 1 CLOCK_MONOTONIC; waiters are in the
//          parking lot, at the object's address. A woken waiter does not touch the object, so that it may be destroyed
//          after the broadcast.
// Order    a waiter queues, then unlocks the mutex, then parks: no wake-up is lost, whether signalled with the mutex or
//          without. signal takes out one waiter, which no later waiter can steal.
// Moves    a broadcast lets its waiters queue for the mutex, one after the other. A signal wakes: the one it wakes mostly
//          runs next, on the signaller's P, once that has unlocked (moving it cost 8 ns more per hand-over, 1 P).
// Mixed    a process-shared condition is libc's; with a mutex that is ours its waiters are in the parking lot after all.
#pragma once
#include <pthread.h>
#include <time.h>

namespace gamelan::cond {

// All: goroutine mode only. wait: 0, EPERM (check_held), or what locking a robust mutex says; ETIMEDOUT, EINVAL.
int wait(pthread_cond_t* c, pthread_mutex_t* m);
int wait_until(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock, const timespec* at);
int signal(pthread_cond_t* c);
int broadcast(pthread_cond_t* c);

}  // namespace gamelan::cond
