// sched/state.h: the scheduler's shared state, for the files of sched/ that make up Go's proc.go.
//
// Owns     `state`: Ps, Ms, the global queue, the idle lists.
// Locks    `state.lock` (spin): global queue, idle Ms and Ps, the list of Ms. Counts beside it are read without.
// Rules    the owner of a P is the M whose `p` names it and whose `p_generation` is the claim's. A M asks `own_p()` before
//          each use, within a RuntimeSection: sysmon takes the P of a M that sleeps in the kernel unannounced, but never
//          while its G is in a section (sysmon.cc proves it).
// Go       runtime2.go schedt.
#pragma once
#include "sched/m.h"
#include "sched/p.h"
#include "sched/proc.h"
#include "sched/spin_lock.h"

namespace gamelan::sched {

struct State {
  SpinLock lock;
  G* global_head;
  G* global_tail;
  Atomic<uint32_t> global_size;
  M* idle_ms;
  Atomic<uint32_t> idle_m_count;
  P* idle_ps;
  Atomic<uint32_t> idle_p_count;
  Atomic<uint32_t> spinning;         // Ms that look for work
  Atomic<M*> all_ms;
  Atomic<uint32_t> m_count;
  Atomic<uint32_t> starting_ms;      // kernel threads being made
  P* ps;                             // room for `p_room`
  uint32_t p_room;                   // kMostPs, or fewer where address space is short
  Atomic<uint32_t> p_count;          // those that were ever made
  P* stopped_ps;                     // GOMAXPROCS was lowered
  Atomic<uint32_t> stopped_p_count;
  Atomic<uint32_t> to_stop;          // so many too many, until they come by
  uint32_t asked_for;                // by gamelan_gomaxprocs, before the start
  Atomic<uint32_t> global_taken;     // Gs that have left the global queue
  Atomic<Nanos> clock;               // CLOCK_MONOTONIC as of sysmon's last round: costs its readers nothing
  Atomic<uint32_t> polling;          // a M waits in the netpoller
  Atomic<Nanos> poll_until;          // and until when
  Atomic<Nanos> last_poll;
  Atomic<uint64_t> live;             // goroutines that have not ended
  Atomic<uint32_t> next_tid;
  Atomic<uint64_t> next_id;
  Atomic<uint32_t> sysmon_asleep;    // futex: sysmon waits until a P is busy again
  Atomic<uint32_t> strays;           // Gs that run without a P, about
  Atomic<bool> started;
  G* main;
  uint64_t affinity[16];             // the process' at the start
};
extern State state;

constexpr uint32_t kMostPs = 1024;
inline uint32_t p_end() { return state.p_count.load_acquire(); }
// GOMAXPROCS, but for those still to stop.
inline uint32_t present_ps() { return p_end() - state.stopped_p_count.load_seq(); }
inline uint32_t usable_ps() { return present_ps() - state.to_stop.load_seq(); }

// The caller is within a RuntimeSection, or on g0. Its P, or nullptr: taken meanwhile, or it has none.
P* own_p();

void put_global(G* g);
void put_global_chain(G* first, G* last, uint32_t n);
G* take_global(P* p, uint32_t most);     // most 0: a fair share
void put_local(P* p, G* g);
bool has_work(const P* p);               // its queue or timers due

P* take_idle_p();
P* take_idle_p_locked();
void put_idle_p_locked(P* p);
P* new_p_locked();                       // there is room for it
void put_idle_p(P* p);
void wake_p();
void start_m(P* p, bool spinning);       // someone runs `p`
void hand_off_p(P* p);                   // `p` was left by a M in the kernel
void acquire_p(M* m, P* p);
P* release_p(M* m);
M* new_m();                              // record only
void run_scheduler(M* m);                // g0's loop; never returns
void wake_sysmon();
void end_os_thread_lock();
void poll_from_outside(Nanos now);       // sysmon: when no P looks at network and timers

using PostSwitch = void (*)(M*, G*, void*);
// The caller's G leaves; `post` runs once its stack is free to be run elsewhere. Returns when it runs again.
// `to`: the G to run next, runnable, claimed, and not wired; the caller has its P. nullptr: whichever is next.
void switch_away(PostSwitch post, void* argument, G* to = nullptr);
void finish_switch();
void post_yield(M* m, G* g, void*);

// For a signal handler that interrupted a system call of `g`, the caller: it gets a P; the call goes on without.
void return_from_syscall(G* g);
void enter_syscall_again(G* g, LeftP call);

MCache** cache_slot(G* g);               // its `tls_mcache`
// A new kernel thread takes `p` (nullptr: none yet). False: it cannot be made.
bool start_kernel_thread(P* p, bool spinning);

}  // namespace gamelan::sched
