// shim/c11_threads.cc: mtx_* and cnd_* of <threads.h>. The objects are pthread's; mtx_init, cnd_init and destroy stay libc's.
//
// libc's own call its hidden pthread functions, which nobody can stand in front of.
// Source   C17 7.26.3, 7.26.4.
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "shim/cond.h"
#include "shim/in_front.h"
#include "shim/mutex.h"

using namespace gamelan;

namespace {
constinit Next<int (*)(mtx_t*)> next_mtx_lock{"mtx_lock"}, next_mtx_trylock{"mtx_trylock"}, next_mtx_unlock{"mtx_unlock"};
constinit Next<int (*)(mtx_t*, const timespec*)> next_mtx_timedlock{"mtx_timedlock"};
constinit Next<int (*)(cnd_t*)> next_cnd_signal{"cnd_signal"}, next_cnd_broadcast{"cnd_broadcast"};
constinit Next<int (*)(cnd_t*, mtx_t*)> next_cnd_wait{"cnd_wait"};
constinit Next<int (*)(cnd_t*, mtx_t*, const timespec*)> next_cnd_timedwait{"cnd_timedwait"};

pthread_mutex_t* as_pthread(mtx_t* m) { return reinterpret_cast<pthread_mutex_t*>(m); }
pthread_cond_t* as_pthread(cnd_t* c) { return reinterpret_cast<pthread_cond_t*>(c); }

int c11(int error) {
  switch (error) {
    case 0: return thrd_success;
    case EBUSY: return thrd_busy;
    case ETIMEDOUT: return thrd_timedout;
    case ENOMEM: return thrd_nomem;
    default: return thrd_error;
  }
}

int lock(mtx_t* m) { return c11(mutex::lock(as_pthread(m))); }
int try_lock(mtx_t* m) { return c11(mutex::try_lock(as_pthread(m))); }
int lock_at(mtx_t* m, const timespec* at) { return c11(mutex::lock_until(as_pthread(m), CLOCK_REALTIME, at)); }
int unlock(mtx_t* m) { return c11(mutex::unlock(as_pthread(m))); }
int wait(cnd_t* c, mtx_t* m) { return c11(cond::wait(as_pthread(c), as_pthread(m))); }
int wait_at(cnd_t* c, mtx_t* m, const timespec* at) {
  return c11(cond::wait_until(as_pthread(c), as_pthread(m), CLOCK_REALTIME, at));
}
int signal(cnd_t* c) { return c11(cond::signal(as_pthread(c))); }
int broadcast(cnd_t* c) { return c11(cond::broadcast(as_pthread(c))); }
}  // namespace

// Each blocks what the pthread function of that name blocks, and returns its error as a thrd_ value.
GAMELAN_EXPORT int mtx_lock(mtx_t* m) { return wait_in_front<next_mtx_lock, lock>(m); }
GAMELAN_EXPORT int mtx_trylock(mtx_t* m) { return in_front<next_mtx_trylock, try_lock>(m); }
GAMELAN_EXPORT int mtx_timedlock(mtx_t* m, const timespec* at) { return wait_in_front<next_mtx_timedlock, lock_at>(m, at); }
GAMELAN_EXPORT int mtx_unlock(mtx_t* m) { return in_front<next_mtx_unlock, unlock>(m); }
GAMELAN_EXPORT int cnd_wait(cnd_t* c, mtx_t* m) { return wait_in_front<next_cnd_wait, wait>(c, m); }
GAMELAN_EXPORT int cnd_timedwait(cnd_t* c, mtx_t* m, const timespec* at) { return wait_in_front<next_cnd_timedwait, wait_at>(c, m, at); }
GAMELAN_EXPORT int cnd_signal(cnd_t* c) { return in_front<next_cnd_signal, signal>(c); }
GAMELAN_EXPORT int cnd_broadcast(cnd_t* c) { return in_front<next_cnd_broadcast, broadcast>(c); }
