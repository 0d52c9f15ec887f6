// sched/start.cc: how goroutines begin, once mode.cc has decided for them.
//
// When     at the program's first pthread_create: a program without threads pays nothing. The caller (as a rule the main
//          thread) becomes a goroutine on its own stack; its kernel thread becomes the first M, with a g0 in a slot.
// Order    facts, Ps, template thread (the second M), self-test on a slot, the caller's binding, our signal, sysmon.
// Fails    into native threads: on our own objects, which native threads share with goroutines; said in mode_reason().
// Go       proc.go schedinit, mstart, rt0_go.
#include <elf.h>
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <new>

#include "allocator/base/environment.h"
#include "allocator/base/lock.h"
#include "allocator/base/mem.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/hooks.h"
#include "allocator/mcache.h"
#include "allocator/sys_memory.h"
#include "sched/actions.h"
#include "sched/cpu_quota.h"
#include "sched/dump.h"
#include "sched/hooks.h"
#include "sched/native_thread.h"
#include "sched/netpoll.h"
#include "sched/own_threads.h"
#include "sched/preempt.h"
#include "sched/resize.h"
#include "sched/signals.h"
#include "sched/slots.h"
#include "sched/state.h"
#include "sched/switch.h"
#include "sched/sysmon.h"
#include "sched/tcb.h"
#include "sched/threads.h"
#include "sched/world.h"

namespace gamelan::sched {

namespace {
constexpr Bytes kMStack = 256 * KiB;
constexpr Bytes kG0Stack = 64 * KiB;

constinit Lock start_lock{LockRank::boot};
constinit bool failed = false;
constinit bool sysmon_runs = false;

bool has_fsgsbase() { return environment::aux(AT_HWCAP2) & 2; }
}  // namespace

// ---- Ms ---------------------------------------------------------------------------------------------------------

namespace {
constinit Atomic<uint32_t> template_learnt{0};
constinit uintptr_t template_stack = 0;
constinit M* unused_m = nullptr;

void* m_main(void* argument) {
  auto* m = static_cast<M*>(argument);
  G* g0 = self();
  g0->kind = GKind::scheduler;
  g0->in_runtime.store_relaxed(1);
  g0->fs = static_cast<uintptr_t>(pthread_self());
  g0->m = m;
  m->g0 = g0;
  m->tid = sys::current_tid();
  m->native_fs = g0->fs;
  m->kernel_mask = signals::kAllButSetXid;
  sys::call(SYS_prctl, PR_SET_NAME, reinterpret_cast<long>("gamelan-m"));
  if (!template_learnt.load_acquire()) {
    tcb::learn(g0->fs, template_stack, kMStack);
    template_learnt.store_seq(1);
    sys::call(SYS_futex, reinterpret_cast<long>(template_learnt.raw()), FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
  }
  tcb::disable_rseq();
  while (m->wake_word.load_acquire() == 0)
    sys::call(SYS_futex, reinterpret_cast<long>(m->wake_word.raw()), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0);
  m->wake_word.store_relaxed(0);
  acquire_p(m, m->next_p);
  run_scheduler(m);
  return nullptr;
}

// With every signal blocked: the new thread begins so, and takes its mask from what it runs.
int create_blocked(M* m, const pthread_attr_t* attributes) {
  const uint64_t every = signals::kAllButSetXid;
  uint64_t before = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&every), reinterpret_cast<long>(&before), 8);
  pthread_t thread;
  const int e = sched_hooks.create_kernel_thread(&thread, attributes, m_main, m);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&before), 0, 8);
  return e;
}

bool make_kernel_thread(M* m, void* stack) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  if (stack) pthread_attr_setstack(&attributes, stack, kMStack);
  else pthread_attr_setstacksize(&attributes, kMStack);
  const int e = create_blocked(m, &attributes);
  pthread_attr_destroy(&attributes);
  return e == 0;
}
}  // namespace

bool start_kernel_thread(P* p, bool spinning) {
  RuntimeSection section;
  M* m = __atomic_exchange_n(&unused_m, nullptr, __ATOMIC_SEQ_CST);
  if (!m) m = new_m();
  if (!m) return false;
  m->next_p = p;
  m->spinning = spinning;
  m->wake_word.store_seq(1);
  if (make_kernel_thread(m, nullptr)) return true;
  m->wake_word.store_relaxed(0);
  m->spinning = false;
  __atomic_store_n(&unused_m, m, __ATOMIC_SEQ_CST);
  return false;
}

// ---- the start --------------------------------------------------------------------------------------------------

namespace {
// The template thread is an idle M from then on.
bool learn_template() {
  void* stack = sys::map(nullptr, kMStack, PROT_READ | PROT_WRITE, MAP_STACK | MAP_NORESERVE);
  M* m = stack ? new_m() : nullptr;
  if (!m) return false;
  template_stack = reinterpret_cast<uintptr_t>(stack);
  if (!make_kernel_thread(m, stack)) return false;
  while (!template_learnt.load_acquire())
    sys::call(SYS_futex, reinterpret_cast<long>(template_learnt.raw()), FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, 0);
  m->idle_next = nullptr;
  state.idle_ms = m;
  state.idle_m_count.store_relaxed(1);
  return true;
}

}  // namespace

P* new_p_locked() {
  const uint32_t i = p_end();
  P* p = new (&state.ps[i]) P;
  p->id = static_cast<int>(i);
  p->rng = i * 2654435761u + 1;
  p->mcache = &fallback_mcache;
  p->claim.set(PStatus::idle);
  state.p_count.store_release(i + 1);  // pairs: p_end
  return p;
}

namespace {
bool make_room_for_ps(uint32_t least) {
  for (uint32_t room = kMostPs; room >= least; room /= 2) {
    state.ps = static_cast<P*>(sys::map(nullptr, room * sizeof(P), PROT_READ | PROT_WRITE, MAP_NORESERVE));
    if (!state.ps) continue;  // RLIMIT_AS: a smaller piece may fit
    state.p_room = room;
    return true;
  }
  return false;
}

bool make_ps(ThreadRecord* first) {
  uint32_t n = state.asked_for ? state.asked_for : options().gomaxprocs;
  if (!n) n = min_of(gamelan_metrics.gomaxprocs, cpu_quota::find());
  gamelan_metrics.gomaxprocs = n;
  if (!make_room_for_ps(n)) return false;
  for (uint32_t i = 0; i < n; i++) {
    P* p = new_p_locked();
    p->cache_record = i ? threads::lend_cache() : first;
    p->mcache = p->cache_record ? p->cache_record->cache : &fallback_mcache;
  }
  return true;
}

G* make_g0(M* m) {
  SlotPool* pool = SlotPool::of(kG0Stack, kOsPageSize);
  G* g0 = pool ? pool->take() : nullptr;
  if (!g0) return nullptr;
  tcb::reset(g0->fs, g0->stack_low, g0->stack_high - g0->stack_low, 0);
  g0->kind = GKind::scheduler;
  g0->in_runtime.store_relaxed(1);
  g0->m = m;
  return g0;
}

void g0_entry(void* m) { run_scheduler(static_cast<M*>(m)); }

// ---- self-test: a made-up thread behaves like one of glibc's ----
struct SelfTest {
  G* g;
  uintptr_t back_fs;
  void* back_sp;
  uint64_t guards[2];
  const char* wrong;
};

uint64_t at_fs(int offset) {
  uintptr_t fs;
  __asm__("mov %%fs:0, %0" : "=r"(fs));
  return *reinterpret_cast<uint64_t*>(fs + static_cast<uintptr_t>(offset));
}

const char* what_is_wrong(const SelfTest& t) {
  if (static_cast<uintptr_t>(pthread_self()) != t.g->fs) return "self-test: pthread_self";
  if (at_fs(0x28) != t.guards[0]) return "self-test: stack guard";
  if (at_fs(0x30) != t.guards[1]) return "self-test: pointer guard";
  if (self() != t.g) return "self-test: thread-local address";
  errno = 4711;
  if (errno != 4711) return "self-test: errno";
  pthread_key_t key;
  if (pthread_key_create(&key, nullptr) == 0) {
    const bool good = pthread_setspecific(key, &key) == 0 && pthread_getspecific(key) == &key && tcb::are_keys_used(t.g->fs);
    pthread_setspecific(key, nullptr);
    pthread_key_delete(key);
    if (!good) return "self-test: thread-specific data";
  }
  return nullptr;
}

void self_test_entry(void* argument) {
  auto* t = static_cast<SelfTest*>(argument);
  t->wrong = what_is_wrong(*t);
  void* ignored;
  switch_stack(&ignored, t->back_sp, t->back_fs);
}

const char* self_test(G* g0) {
  if (static_cast<GlibcOption>(options().glibc) == GlibcOption::failing) return "self-test: glibc=failing";
  SelfTest t{g0, static_cast<uintptr_t>(pthread_self()), nullptr, {at_fs(0x28), at_fs(0x30)}, "self-test: did not run"};
  switch_stack(&t.back_sp, prepare_stack(SlotPool::stack_top(g0), self_test_entry, &t), g0->fs);
  return t.wrong;
}

void find_stack(G* g) {
  if (g->tid != sys::current_pid()) {
    if (const ThreadRecord* r = threads::current()) g->stack_low = r->stack_low, g->stack_high = r->stack_high;
    return;
  }
  rlimit limit{};
  getrlimit(RLIMIT_STACK, &limit);
  const uintptr_t here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  g->stack_high = align_up(max_of(environment::stack_end(), here), kOsPageSize);
  g->stack_low = g->stack_high - min_of(static_cast<Bytes>(limit.rlim_cur), GiB);
}

void bind_caller(M* m, G* g) {
  g->fs = static_cast<uintptr_t>(pthread_self());
  g->tid = tcb::tid_of(g->fs);
  find_stack(g);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, 0, reinterpret_cast<long>(&g->mask), 8);
  g->mask &= ~signals::kNeverBlocked;
  stack_t alternate{};
  sys::call(SYS_sigaltstack, 0, reinterpret_cast<long>(&alternate));
  if (!(alternate.ss_flags & SS_DISABLE)) g->altstack = {alternate.ss_sp, alternate.ss_flags, alternate.ss_size};
  m->tid = sys::current_tid();
  m->native_fs = g->fs;
  m->kernel_mask = g->mask;
  m->altstack = g->altstack.sp;
  m->current = g;
  g->m = m;
  g->id = state.next_id.fetch_add(1);
  g->kind = GKind::goroutine;
  g->state.store_relaxed(GState::running);
  state.live.store_relaxed(1);
  state.main = g;
  tcb::disable_rseq();
}

const char* start_locked() {
  const auto fsbase = static_cast<FsbaseOption>(options().fsbase);
  if (fsbase == FsbaseOption::prctl || !has_fsgsbase()) switch_stack = gamelan_switch_prctl;
  if (const char* missing = tcb::find_facts()) return missing;
  find_xsave_size();
  sys::call(SYS_sched_getaffinity, 0, sizeof state.affinity, reinterpret_cast<long>(state.affinity));
  state.next_id.store_relaxed(1);
  state.poll_until.store_relaxed(TimerHeap::kNone);
  if (!learn_template()) return "no kernel thread could be made";
  M* m = new_m();
  G* g0 = m ? make_g0(m) : nullptr;
  if (!g0) return "no memory";
  if (const char* wrong = self_test(g0)) return wrong;
  m->g0 = g0;
  g0->sp = prepare_stack(SlotPool::stack_top(g0), g0_entry, m);
  // From here on nothing fails.
  if (!make_ps(threads::give_up_current())) return "no memory";
  bind_caller(m, self());
  acquire_p(m, &state.ps[0]);
  for (uint32_t i = p_end(); i-- > 1;) put_idle_p(&state.ps[i]);
  own_threads::refresh();
  preempt::install();
  actions::take_over();
  native_thread::install();
  dump::install();
  sysmon_runs = sysmon::start();
  return nullptr;
}
}  // namespace

bool start() {
  if (state.started.load_acquire()) {
    if (!sysmon_runs) sysmon_runs = sysmon::start();  // in a fork's child
    return true;
  }
  Guard guard(start_lock);
  if (state.started.load_relaxed()) return true;
  if (failed) return false;
  if (const char* wrong = start_locked()) {
    mode_failed(wrong);
    failed = true;
    return false;
  }
  state.started.store_release(true);  // pairs: is_started
  return true;
}

// ---- fork -------------------------------------------------------------------------------------------------------

namespace {
// The forker's own: it ends when the locks are free again, and others fork by then.
alignas(BlockingCall) __thread unsigned char fork_call[sizeof(BlockingCall)] __attribute__((tls_model("initial-exec")));
constinit P* fork_p = nullptr;  // one fork at a time: threads' lock is held
}  // namespace

// The forker's P may be taken meanwhile: libc's fork waits for stdio's locks, and whoever holds one must run.
ThreadRecord* before_fork() {
  if (!is_started()) return nullptr;
  M* m = tls_g.m;
  fork_p = m ? m->p.load_relaxed() : nullptr;
  new (fork_call) BlockingCall(BlockingCall::kUnpublished);
  return fork_p ? fork_p->cache_record : nullptr;
}

// May wait for a P, so no lock of ours is held: sysmon may need it to get that P, or another forker may wait for it with
// the P in hand.
void after_fork_in_parent() {
  if (is_started()) reinterpret_cast<BlockingCall*>(fork_call)->~BlockingCall();
}

namespace {
// Their caches are the parent's threads': each gets one of its own when it is used.
void give_ps_to_child(P* mine) {
  const uint32_t usable = min_of(gamelan_metrics.gomaxprocs, p_end());
  state.to_stop.store_relaxed(p_end() - usable);  // put_idle_p stops them
  state.stopped_ps = nullptr;
  state.stopped_p_count.store_relaxed(0);
  for (uint32_t i = 0; i < p_end(); i++) {
    P* p = &state.ps[i];
    p->runq.clear_in_child();
    p->timers.clear_in_child();
    p->free_gs = nullptr;
    p->free_count = 0;
    p->claim.set(PStatus::idle);
    if (p == mine) continue;
    p->cache_record = nullptr;
    p->mcache = &fallback_mcache;
    put_idle_p(p);
  }
}
}  // namespace

// Only the caller's G is left, on this M. Its stack and TLS are what they were; g0's, where libc made it, is in libc's list
// of free stacks by now and will be somebody else's.
void after_fork_in_child() {
  G* g = self();
  if (g->kind == GKind::native) g->tid = 0;  // shim/tid.h asks again
  world::after_fork_in_child();
  if (!is_started()) return;
  M* m = g->m;
  if (!m) return;  // a native thread forked: the scheduler begins anew at the next pthread_create
  SlotPool::for_each_g([g](G* other) {
    if (other != g) parking_lot::forget_in_child(other);
  });
  if (state.main != g) parking_lot::forget_in_child(state.main);
  SlotPool::after_fork_in_child();
  state.lock.reset_in_child();
  state.global_head = state.global_tail = nullptr;
  state.global_size.store_relaxed(0);
  state.idle_ms = nullptr;
  state.idle_m_count.store_relaxed(0);
  state.idle_ps = nullptr;
  state.idle_p_count.store_relaxed(0);
  state.spinning.store_relaxed(0);
  state.polling.store_relaxed(0);
  state.poll_until.store_relaxed(TimerHeap::kNone);
  state.sysmon_asleep.store_relaxed(0);
  state.live.store_relaxed(1);
  state.main = g;
  m->all_next = nullptr;
  state.all_ms.store_relaxed(m);
  m->tid = sys::current_tid();
  m->native_fs = g->fs;
  m->stray_cache = nullptr;
  m->look_sent.store_relaxed(false);
  g->tid = sys::current_pid();
  sysmon_runs = false;
  unused_m = nullptr;
  signals::after_fork_in_child(g);
  netpoll::after_fork_in_child();
  P* mine = fork_p ? fork_p : &state.ps[0];
  give_ps_to_child(mine);
  if (G* g0 = make_g0(m)) {
    m->g0 = g0;
    g0->sp = prepare_stack(SlotPool::stack_top(g0), g0_entry, m);
  }
  acquire_p(m, mine);
  *cache_slot(g) = mine->mcache;
  g->state.store_relaxed(GState::running);
}

}  // namespace gamelan::sched
