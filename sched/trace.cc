#include "sched/trace.h"

#include "allocator/base/options.h"
#include "sched/block_writer.h"
#include "sched/dump.h"
#include "sched/every_goroutine.h"

namespace gamelan::trace {

using sched::state;

namespace {
constexpr Nanos kNever = INT64_MAX;
constinit Nanos began = 0, next_at = 0;

// Go's numbers.
unsigned number_of(PStatus s) {
  switch (s) {
    case PStatus::idle: return 0;
    case PStatus::running: return 1;
    case PStatus::taking: return 1;  // sysmon looks at it
    case PStatus::syscall: return 2;
    case PStatus::stopped: return 3;
  }
  return 0;
}

unsigned number_of(GState s) {
  switch (s) {
    case GState::none:
    case GState::idle: return 0;
    case GState::runnable: return 1;
    case GState::running: return 2;
    case GState::syscall: return 3;
    case GState::waiting: return 4;
    case GState::dead: return 6;
  }
  return 0;
}

int64_t id_of(const M* m) { return m ? m->id : -1; }
int64_t id_of(const P* p) { return p ? p->id : -1; }
int64_t id_of(const G* g) { return g ? static_cast<int64_t>(g->id) : -1; }
const char* text_of(bool b) { return b ? "true" : "false"; }

void print_head(Line& line, Nanos now) {
  const uint32_t sysmons = 1;
  line.text("SCHED ").dec(static_cast<uint64_t>((now - began) / kMilli)).text("ms: gomaxprocs=").dec(sched::usable_ps())
      .text(" idleprocs=").dec(state.idle_p_count.load_relaxed()).text(" threads=").dec(state.m_count.load_relaxed() + sysmons)
      .text(" spinningthreads=").dec(state.spinning.load_relaxed()).text(" idlethreads=").dec(state.idle_m_count.load_relaxed())
      .text(" runqueue=").dec(state.global_size.load_relaxed());
}

void print_queues(BlockWriter& out) {
  for (uint32_t i = 0; i < sched::p_end(); i++) out.add().text(i ? " " : " [").dec(state.ps[i].runq.size());
  out.add().text("]\n");
}

void print_p(Line& line, const P& p) {
  const PClaim::Value claim = p.claim.load();
  line.text("  P").signed_dec(p.id).text(": status=").dec(number_of(claim.status)).text(" schedtick=").dec(p.tick.load_relaxed())
      .text(" syscalltick=").dec(claim.generation).text(" m=").signed_dec(id_of(p.m.load_relaxed()))
      .text(" runqsize=").dec(p.runq.size()).text(" gfreecnt=").dec(p.free_count).text(" timerslen=").dec(p.timers.size()).text("\n");
}

void print_m(Line& line, const M& m) {
  const G* g = m.current;
  const P* p = m.p.load_relaxed();
  line.text("  M").signed_dec(m.id).text(": p=").signed_dec(id_of(p)).text(" curg=").signed_dec(id_of(g))
      .text(" mallocing=0 throwing=0 preemptoff= locks=").dec(g ? g->in_runtime.load_relaxed() : 0)
      .text(" dying=0 spinning=").text(text_of(m.spinning)).text(" blocked=").text(text_of(!p && !g))
      .text(" lockedg=").signed_dec(id_of(m.locked_g)).text("\n");
}

void print_g(Line& line, const G& g) {
  const GState s = g.state.load_relaxed();
  const bool has_m = s == GState::running || s == GState::syscall;
  line.text("  G").dec(g.id).text(": status=").dec(number_of(s)).text("(").text(dump::text_of(g.wait_reason))
      .text(") m=").signed_dec(has_m ? id_of(g.m) : -1).text(" lockedm=").signed_dec(id_of(g.locked_m)).text("\n");
}
}  // namespace

Nanos due() { return options().schedtrace ? next_at : kNever; }

void look(Nanos now) {
  if (!began) began = now;
  if (GAMELAN_LIKELY(now < due())) return;
  next_at = now + Nanos{options().schedtrace} * kMilli;
  print(options().scheddetail, now);
}

void print(bool detailed, Nanos now) {
  if (!began) began = now;
  BlockWriter out;
  print_head(out.add(), now);
  if (!detailed) return print_queues(out);
  out.add().text(" gcwaiting=0 nmidlelocked=0 stopwait=0 sysmonwait=").dec(state.sysmon_asleep.load_relaxed()).text("\n");
  for (uint32_t i = 0; i < sched::p_end(); i++) print_p(out.add(), state.ps[i]);
  for (const M* m = state.all_ms.load_acquire(); m; m = m->all_next) print_m(out.add(), *m);
  sched::for_each_goroutine([&](G* g) { print_g(out.add(), *g); });
}

}  // namespace gamelan::trace
