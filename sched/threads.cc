// sched/threads.cc: records come, are reused, and hand their caches on.
#include "sched/threads.h"

#include <limits.h>
#include <pthread.h>

#include "allocator/base/lock.h"
#include "allocator/base/metrics.h"
#include "allocator/base/syscall.h"
#include "allocator/fork.h"
#include "allocator/mcache.h"
#include "allocator/sys_memory.h"
#include "sched/g.h"
#include "sched/world.h"

namespace gamelan::threads {

namespace {
constinit Lock list_lock{LockRank::threads};
constinit ThreadRecord* all = nullptr;
constinit ThreadRecord* reusable = nullptr;
constinit MCache* idle_caches = nullptr;
constinit uint64_t live_count = 0;
constinit uint32_t forks = 0;
constinit ThreadRecord* main_record = nullptr;
constinit Atomic<ThreadRecord*> all_made{nullptr};
constinit Atomic<ThreadRecord*> to_mend{nullptr};  // of threads that were the parent's

// Created with the first thread, so that a program without threads keeps all its keys.
constinit pthread_key_t end_key = 0;
constinit Atomic<int> key_state{0};  // 0 none, 1 made, -1 could not be made

__thread ThreadRecord* mine __attribute__((tls_model("initial-exec")));
__thread bool past_end __attribute__((tls_model("initial-exec")));

ThreadRecord* new_record() {
  {
    Guard g(list_lock);
    if (ThreadRecord* r = reusable) {
      reusable = r->next;
      return r;
    }
  }
  auto* r = static_cast<ThreadRecord*>(sys_alloc(sizeof(ThreadRecord)));
  if (!r) return nullptr;
  ThreadRecord* first = all_made.load_relaxed();
  do r->made_next = first;
  while (!all_made.compare_exchange(first, r));
  return r;
}

void recycle(ThreadRecord* r) {
  Guard g(list_lock);
  r->next = reusable;
  reusable = r;
}

void link(ThreadRecord* r) {
  Guard g(list_lock);
  r->prev = nullptr;
  r->next = all;
  if (all) all->prev = r;
  all = r;
  live_count++;
}

void unlink_locked(ThreadRecord* r) {
  (r->prev ? r->prev->next : all) = r->next;
  if (r->next) r->next->prev = r->prev;
  live_count--;
}

MCache* idle_or_new_cache() {
  mend_one();
  {
    Guard g(list_lock);
    if (MCache* c = idle_caches) {
      idle_caches = c->next_idle;
      return c;
    }
  }
  return new_cache();
}

void make_idle_locked(MCache* c) {
  c->next_idle = idle_caches;
  idle_caches = c;
}

void end_of_thread(void* record) {
  auto* r = static_cast<ThreadRecord*>(record);
  // Other keys' destructors run after ours in each round and may allocate: be the last one's last.
  if (--r->rounds_left) {
    pthread_setspecific(end_key, r);
    return;
  }
  past_end = true;
  tls_mcache = &fallback_mcache;
  mine = nullptr;
  r->state.store_release(ThreadState::ended);
  if (r->cache) r->cache->abandon();
  Guard g(list_lock);
  if (r->cache) make_idle_locked(r->cache);
  unlink_locked(r);
  r->next = reusable;
  reusable = r;
}

bool have_key() {
  int s = key_state.load_acquire();
  if (s == 0) {
    Guard g(list_lock);
    s = key_state.load_relaxed();
    if (s == 0) {
      s = pthread_key_create(&end_key, end_of_thread) == 0 ? 1 : -1;
      key_state.store_release(s);  // pairs: have_key load_acquire, end_key is readable
    }
  }
  return s > 0;
}

// The calling thread becomes `r`, with a cache. False: no memory for one.
bool adopt(ThreadRecord* r, bool is_main) {
  r->cache = idle_or_new_cache();
  if (!r->cache) return false;
  r->tid = is_main ? sys::current_pid() : sys::current_tid();
  r->rounds_left = PTHREAD_DESTRUCTOR_ITERATIONS;
  r->g = self();
  r->fs = static_cast<uintptr_t>(pthread_self());
  r->process = forks;
  r->state.store_release(ThreadState::running);
  link(r);
  mine = r;
  tls_mcache = r->cache;
  // From here on malloc works: pthread_setspecific may need it.
  if (!is_main && have_key()) pthread_setspecific(end_key, r);
  world::gate();
  return true;
}
}  // namespace

ThreadRecord* current() { return mine; }
ThreadRecord* first_made() { return all_made.load_acquire(); }
bool runs(const ThreadRecord* r) { return r->state.load_acquire() == ThreadState::running && r->g && r->process == forks; }
uint64_t live() { return live_count; }

bool init_main() {
  main_record = new_record();
  return main_record && adopt(main_record, true);
}

void note_given_up(uintptr_t thread_pointer) {
  for (int tries = 0; tries < 20000; tries++) {
    bool starting = false;
    for (ThreadRecord* r = first_made(); r; r = r->made_next) {
      if (r->fs == thread_pointer && r->g) return r->is_given_up.store_release(true);
      starting |= r->state.load_acquire() == ThreadState::starting;
    }
    if (!starting) return;
    sys::sleep_for(kMilli / 20);  // it has not said yet who it is
  }
}

ThreadRecord* lend_cache() {
  ThreadRecord* r = new_record();
  if (!r) return nullptr;
  r->cache = idle_or_new_cache();
  if (!r->cache) {
    recycle(r);
    return nullptr;
  }
  r->stack_low = r->stack_high = 0;
  r->tid = 0;
  r->g = nullptr;
  r->state.store_release(ThreadState::running);
  link(r);
  return r;
}

void return_cache(ThreadRecord* r) {
  r->state.store_release(ThreadState::ended);
  r->cache->abandon();
  Guard g(list_lock);
  make_idle_locked(r->cache);
  unlink_locked(r);
  r->next = reusable;
  reusable = r;
}

ThreadRecord* give_up_current() {
  ThreadRecord* r = mine;
  if (!r) return lend_cache();
  if (r != main_record) pthread_setspecific(end_key, nullptr);
  main_record = nullptr;
  mine = nullptr;
  r->g = nullptr;
  return r;
}

MCache* acquire_cache() {
  if (past_end || tls_g.kind != GKind::native) return nullptr;
  if (mine) return mine->cache;
  // ld.so resets the main thread's TLS after malloc may have been called: preload/early_tls.cc.
  if (main_record && main_record->cache && main_record->tid == sys::current_tid()) {
    mine = main_record;
    return tls_mcache = mine->cache;
  }
  ThreadRecord* r = new_record();
  if (!r) return nullptr;
  r->stack_low = r->stack_high = 0;
  if (adopt(r, false)) return r->cache;
  recycle(r);
  return nullptr;
}

ThreadRecord* prepare(void* (*start)(void*), void* arg, Bytes stack_size, bool detached) {
  have_key();  // before the program uses them up
  ThreadRecord* r = new_record();
  if (!r) return nullptr;
  r->start = start;
  r->arg = arg;
  r->cache = nullptr;
  r->fs = 0;
  r->is_given_up.store_relaxed(detached);
  r->stack_low = stack_size;  // until `run` knows where the stack is
  r->state.store_release(ThreadState::starting);
  metric_add(Metric::threads_created, 1);
  return r;
}

void discard(ThreadRecord* r) {
  metric_sub(Metric::threads_created, 1);
  recycle(r);
}

void* run(ThreadRecord* r) {
  const Bytes size = r->stack_low;
  r->stack_high = align_up(reinterpret_cast<uintptr_t>(__builtin_frame_address(0)), kOsPageSize);
  r->stack_low = r->stack_high - size;
  auto start = r->start;
  void* arg = r->arg;
  if (!adopt(r, false)) recycle(r);  // its allocations go to the late cache
  void* result = start(arg);
  if (mine && !have_key()) {
    mine->rounds_left = 1;
    end_of_thread(mine);
  }
  return result;
}

void before_fork() { list_lock.lock(); }

void after_fork(bool in_child, ThreadRecord* keep) {
  if (!in_child) return list_lock.unlock();
  // The parent's other threads are not here: their caches wait until somebody needs the memory. Only reads: each write
  // would copy a page, and most children exec.
  forks++;
  ThreadRecord* kept = mine ? mine : keep;
  if (kept) unlink_locked(kept);
  if (ThreadRecord* last = all) {
    while (last->next) last = last->next;
    last->next = to_mend.load_relaxed();
    to_mend.store_relaxed(all);
  }
  all = nullptr;
  live_count = 0;
  main_record = mine;
  list_lock.unlock();
  if (!kept) return;
  kept->tid = sys::current_pid();
  kept->process = forks;
  link(kept);
}

bool mend_one() {
  if (GAMELAN_LIKELY(!to_mend.load_relaxed())) return false;
  ThreadRecord* r = nullptr;
  {
    Guard g(list_lock);
    r = to_mend.load_relaxed();
    if (!r) return false;
    to_mend.store_relaxed(r->next);
  }
  if (MCache* c = r->cache) {
    c->mend_in_child();
    c->abandon();
    Guard g(list_lock);
    make_idle_locked(c);
  }
  recycle(r);
  return true;
}

}  // namespace gamelan::threads
