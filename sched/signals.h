// sched/signals.h: signal masks, alternate stacks, and signals that were sent to a goroutine.
//
// Masks    a G's `mask` is what the kernel has for the M that runs it, but for moments within libc that end by themselves.
//          A switch makes a system call only where the masks differ; an idle M keeps the last one.
// Open     no kernel thread has a signal open that no goroutine takes: it would end the process, or be lost, and not stay
//          pending for sigwait and signalfd. When the last taker blocks it, every such thread is told and waited for.
//          Where every M has blocked what a parked goroutine takes, sysmon opens it.
// Sent     a signal for a G waits in the G's own queue with its siginfo: pthread_kill's, and those for the process that
//          another kernel thread took. One that is parked wakes (Wake::interrupted); one that runs is told by our own
//          signal; one in a system call by the signal itself, with a cookie, so that the kernel ends or restarts the call.
//          The G raises it for itself: the kernel makes the frame, deliver.h takes the siginfo out of the queue.
// Process  who takes a signal for the process: the main goroutine if it may, as the kernel prefers the main thread, else any.
// Locks    one spin lock for all queues, taken with every signal blocked. Async-signal-safe, all of it.
// Go       os_linux.go, signal_unix.go, sigqueue.go.
#pragma once
#include <signal.h>
#include <ucontext.h>

#include "sched/m.h"

namespace gamelan::signals {

inline constexpr int kOurs = 32;       // glibc's SIGCANCEL, which it never sends itself while we stand in front of pthread_cancel
inline constexpr uint64_t bit(int signal) { return uint64_t{1} << (signal - 1); }
inline constexpr uint64_t kNeverBlocked = bit(32) | bit(33) | bit(SIGKILL) | bit(SIGSTOP);
inline constexpr uint64_t kAllButSetXid = ~bit(33);  // libc waits until every thread has taken that one

// Every signal is blocked on the kernel thread while one lives, and the G stays there.
class AllBlocked {
 public:
  AllBlocked();
  ~AllBlocked();
  AllBlocked(const AllBlocked&) = delete;
  AllBlocked& operator=(const AllBlocked&) = delete;

 private:
  RuntimeSection section_;
  uint64_t before_;
};

// ---- masks and stacks ----
void set_kernel_mask(M* m, uint64_t mask);
void take_no_longer(const G* g, uint64_t set);  // the caller's G blocks it now, or ends
void close_here(ucontext_t* context);           // in the handler of our own signal
void set_mask(G* g, uint64_t mask);    // the caller's own; what becomes due is raised
void force_mask(G* g, uint64_t mask);  // as above, where the kernel's may be another than we believe: siglongjmp
void install_altstack(M* m, G* g);
void remove_altstack(M* m);
inline bool is_on_altstack(const G* g, uintptr_t sp) {
  const auto low = reinterpret_cast<uintptr_t>(g->altstack.sp);
  return low && sp > low && sp <= low + g->altstack.size;
}

// ---- what was sent ----
siginfo_t info_from_self(int signal, int code);  // si_pid, si_uid: ours

// To `g`, or to the process by way of `g`: 0, ESRCH, EAGAIN. What it ignores is dropped.
int send(G* g, const siginfo_t& info, bool to_process = false);
// To whichever G takes it. False: nobody does; it is the kernel's to keep.
bool send_to_process(const siginfo_t& info);
G* find_by_tid(int tid);               // a live goroutine whose gettid() says so, or nullptr

// Takes the first signal of `set` out of `g`'s queue. False: there is none.
bool take(G* g, uint64_t set, siginfo_t* info, bool* to_process);

// Whether `g` has a signal that it does not block and has not yet raised.
inline bool is_due(const G* g) { return (g->pending.load_seq() & ~g->mask) != 0; }
void raise_due();                      // the caller's own, outside of a RuntimeSection; else when that ends
// The same in a signal handler of ours: they come once it has returned.
void raise_on_return();

// For a wait that was interrupted: whether a handler ran (an ignored signal has none), and whether the call goes on,
// since all that ran have SA_RESTART.
inline bool is_seen(const G* g) { return !g->watches_handlers || g->handlers_run == g->handlers_seen; }
inline bool handled() { return (tls_g.handlers_ran & G::kHandled) || !is_seen(self()); }
inline bool restart() { return !(tls_g.handlers_ran & G::kEnding); }

// ---- for deliver.cc: every signal is blocked ----
void keep(G* g, const siginfo_t& info, bool to_process);  // raised when `g` leaves its RuntimeSection
void keep_for_others(const siginfo_t& info, G* to);       // taken on g0; no `to`: for the process
bool is_reminder(const siginfo_t* info);                  // ours: look into the queue

// ---- for sysmon ----
void begin_catching();                 // it becomes the one who opens what no M has open
void catch_what_is_wanted();

// On g0, with no lock held: what was taken there goes to those who take it.
void hand_out();
bool any_to_hand_out();

void forget(G* g);                     // it is dead: what was for the process goes to others
void after_fork_in_child(G* only);

}  // namespace gamelan::signals
