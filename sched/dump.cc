#include "sched/dump.h"

#include <signal.h>
#include <sys/uio.h>

#include "allocator/base/fatal.h"
#include "allocator/base/options.h"
#include "allocator/base/output.h"
#include "sched/block_writer.h"
#include "sched/every_goroutine.h"
#include "sched/signals.h"
#include "sched/text_ranges.h"
#include "sched/trace.h"

extern "C" void gamelan_restorer();

namespace gamelan::dump {

using sched::state;

namespace {
constexpr unsigned kMostGoroutines = 1000;
constexpr size_t kScan = 128;          // words from the saved frame up
constexpr unsigned kMostAddresses = 10;
constinit Atomic<bool> wanted{false}, busy{false};

// ---- stacks -----------------------------------------------------------------------------------------------------

// How many of `n` bytes could be read.
size_t read_memory(uintptr_t from, void* to, size_t n) {
  const iovec here{to, n}, there{reinterpret_cast<void*>(from), n};
  const long r = sys::call(SYS_process_vm_readv, sys::current_pid(), reinterpret_cast<long>(&here), 1, reinterpret_cast<long>(&there), 1, 0);
  return sys::is_error(r) ? 0 : static_cast<size_t>(r);
}

bool may_return_to(uintptr_t pc) {
  unsigned char before[8];
  return read_memory(pc - 7, before, 7) == 7 && text_ranges::ends_in_call(before);
}

void print_place(Line& line, uintptr_t pc) {
  const text_ranges::Range* r = text_ranges::find(pc);
  if (r) line.text(r->name).text("+").hex(pc - r->base);
  else line.hex(pc);
}

bool is_ours(const text_ranges::Range* r) {
  const auto here = reinterpret_cast<uintptr_t>(&is_ours);
  return here >= r->low && here < r->high;
}

void print_stack(BlockWriter& out, const G* g, uintptr_t sp, bool ours_too) {
  if (sp < g->stack_low || sp >= g->stack_high) return;
  uintptr_t words[kScan];
  const size_t n = read_memory(sp, words, min_of(sizeof words, g->stack_high - sp)) / sizeof words[0];
  unsigned found = 0;
  for (size_t i = 0; i < n && found < kMostAddresses; i++) {
    const text_ranges::Range* r = text_ranges::find(words[i]);
    if (!r || (is_ours(r) && !ours_too) || !may_return_to(words[i])) continue;
    print_place(out.add().text("\t? "), words[i]);
    out.add().text("\n");
    found++;
  }
}

// ---- heads ------------------------------------------------------------------------------------------------------

const char* text_of(GState s) {
  switch (s) {
    case GState::runnable: return "runnable";
    case GState::running: return "running";
    case GState::syscall: return "syscall";
    case GState::waiting: return "waiting";
    case GState::dead: return "dead";
    case GState::none:
    case GState::idle: break;
  }
  return "idle";
}

void print_whereabouts(Line& line, const G* g) {
  const M* m = g->m;
  if (!m) return;
  line.text(", M").signed_dec(m->id);
  if (const P* p = m->p.load_relaxed()) line.text(" P").signed_dec(p->id);
}

// goroutine 7 [semaphore, 2 minutes, locked to thread]: tid 4194310 "worker", began at worker+0x11f0
void print_head(Line& line, const G* g, Nanos now) {
  const GState s = g->state.load_relaxed();
  const bool waits = s == GState::waiting;
  line.text("goroutine ").dec(g->id).text(" [").text(waits ? dump::text_of(g->wait_reason) : text_of(s));
  const Nanos since = g->waiting_since;
  if (waits && since && now - since >= 60 * kSecond)
    line.text(", ").dec(static_cast<uint64_t>((now - since) / (60 * kSecond))).text(" minutes");
  if (s == GState::running || s == GState::syscall) print_whereabouts(line, g);
  if (g->locked_m) line.text(", locked to thread");
  line.text("]: tid ").signed_dec(g->tid);
  if (g->name[0]) line.text(" \"").text(g->name).text("\"");
  if (g->start) print_place(line.text(", began at "), reinterpret_cast<uintptr_t>(g->start));
  else if (g->start_c11) print_place(line.text(", began at "), reinterpret_cast<uintptr_t>(g->start_c11));
  else if (g == state.main) line.text(", main");
  line.text("\n");
}

void print_goroutine(BlockWriter& out, const G* g, Nanos now) {
  print_head(out.add(), g, now);
  const GState s = g->state.load_relaxed();
  if (g == self()) print_stack(out, g, reinterpret_cast<uintptr_t>(__builtin_frame_address(0)), true);
  else if (s == GState::waiting || s == GState::runnable) print_stack(out, g, reinterpret_cast<uintptr_t>(g->sp), false);
}

void print_all() {
  const Nanos now = sys::coarse_now();
  BlockWriter out;
  unsigned n = 0;
  // The caller and main first: they are wanted most, and the list may be cut.
  G* const main = state.main;
  if (self()->kind == GKind::goroutine) print_goroutine(out, self(), now);
  if (main && main != self()) print_goroutine(out, main, now);
  sched::for_each_goroutine([&](G* g) {
    if (g != self() && g != main && n++ < kMostGoroutines) print_goroutine(out, g, now);
  });
  if (n > kMostGoroutines) out.add().text("and ").dec(n - kMostGoroutines).text(" more\n");
}

// ---- when -------------------------------------------------------------------------------------------------------

void on_fatal() { print("fatal"); }

void on_signal(int) {
  wanted.store_seq(true);  // pairs: sysmon's look after it has said that it sleeps
  sched::wake_sysmon();
}

// The kernel's own call: to libc's the number may be reserved, and ours goes through the program's bookkeeping.
struct KernelAction {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

const char* why_not_on(int signal) {
  constexpr unsigned long kRestorer = 0x04000000;  // SA_RESTORER
  KernelAction now{}, ours{on_signal, SA_RESTART | SA_ONSTACK | kRestorer, gamelan_restorer, ~uint64_t{0}};
  if (signals::bit(signal) & signals::kNeverBlocked) return "libc's and ours";
  sys::call(SYS_rt_sigaction, signal, 0, reinterpret_cast<long>(&now), 8);
  if (now.handler == on_signal) return nullptr;  // in a fork's child
  if (now.handler != SIG_DFL) return "the program handles or ignores it";
  return sys::is_error(sys::call(SYS_rt_sigaction, signal, reinterpret_cast<long>(&ours), 0, 8)) ? "nobody can handle it" : nullptr;
}

void install_handler(int signal) {
  const char* why_not = why_not_on(signal);
  if (!why_not) return;
  Line line;
  line.prefix().text("GAMELAN_OPTIONS: dump_on=").signed_dec(signal).text(": ").text(why_not).text("; no dumps");
  output::write_line(line);
}
}  // namespace

void install() {
  before_the_end = on_fatal;
  if (const auto signal = static_cast<int>(options().dump_on)) install_handler(signal);
}

bool is_wanted() { return wanted.load_seq(); }

void print_if_wanted() {
  if (GAMELAN_UNLIKELY(wanted.load_relaxed()) && wanted.exchange(false)) print("as asked");
}

void print(const char* why) {
  if (busy.exchange(true)) return;
  Line line;
  line.prefix().text("goroutine dump (").text(why).text("): ").dec(state.live.load_relaxed()).text(" goroutines");
  output::write_line(line);
  trace::print(false, sys::monotonic_now());
  text_ranges::load();
  print_all();
  busy.store_seq(false);
}

const char* text_of(WaitReason why) {
  switch (why) {
    case WaitReason::none: return "";
    case WaitReason::futex: return "futex";
    case WaitReason::mutex: return "mutex";
    case WaitReason::cond: return "cond";
    case WaitReason::semaphore: return "semaphore";
    case WaitReason::rwlock: return "rwlock";
    case WaitReason::barrier: return "barrier";
    case WaitReason::join: return "join";
    case WaitReason::sleep: return "sleep";
    case WaitReason::io: return "IO wait";
    case WaitReason::poll: return "poll";
    case WaitReason::signal: return "signal";
    case WaitReason::once: return "once";
    case WaitReason::preempted: return "preempted";
    case WaitReason::syscall: return "syscall";
  }
  return "";
}

}  // namespace gamelan::dump
