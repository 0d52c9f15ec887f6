#include "sched/starvation.h"

#include "allocator/base/output.h"
#include "sched/dump.h"
#include "sched/state.h"

namespace gamelan::starvation {

using sched::state;

namespace {
constexpr Nanos kEvery = 1 * kSecond;
constinit Nanos looked = 0;
constinit bool said = false;
constinit StandingStill global_queue;

// Never 0.
uint64_t mark(uint32_t n) { return uint64_t{1} << 32 | n; }

void say(const G* g, const P* p) {
  said = true;
  Line line;
  line.prefix().text("goroutine ").dec(g ? g->id : 0).text(" was runnable for 10 s and did not run: it is in ");
  if (p) line.text("the queue of P").signed_dec(p->id);
  else line.text("the global queue");
  const M* m = p ? p->m.load_acquire() : nullptr;
  const G* running = m ? m->current : nullptr;
  if (running) line.text(", which goroutine ").dec(running->id).text(" has");
  output::write_line(line);
  dump::print("a goroutine starves");
}

bool look_at(P* p) {
  const RunQueue& q = p->runq;
  const bool slots = p->still_slots.look(q.has_slots() ? mark(q.departures()) : 0);
  const bool next = p->still_next.look(q.has_next() ? mark(p->tick.load_relaxed()) : 0);
  if (slots || next) say(slots ? q.peek() : q.peek_next(), p);
  return slots || next;
}
}  // namespace

void look(Nanos now) {
  if (GAMELAN_LIKELY(now - looked < kEvery) || said) return;
  looked = now;
  for (uint32_t i = 0; i < sched::p_end(); i++)
    if (look_at(&state.ps[i])) return;
  if (global_queue.look(state.global_size.load_relaxed() ? mark(state.global_taken.load_relaxed()) : 0)) say(state.global_head, nullptr);
}

}  // namespace gamelan::starvation
