#include "gc/allocation_stack.h"

#include <dlfcn.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "allocator/base/environment.h"
#include "allocator/base/options.h"
#include "allocator/base/syscall.h"
#include "gc/frame_sizes.h"
#include "gc/stack_depot.h"
#include "gc/stack_memo.h"
#include "sched/slots.h"
#include "sched/threads.h"

extern "C" {
extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));
}

namespace gamelan::gc {

frame_sizes::Place* frame_sizes::table = nullptr;

namespace allocation_stack {

namespace {
constexpr int kMostFrames = 64;

using Backtrace = int (*)(void**, int);
constinit Backtrace backtrace = nullptr;

// The names that libunwind.h gives to its local-only functions.
using GetContext = int (*)(unw_context_t*);
using InitLocal = int (*)(unw_cursor_t*, unw_context_t*);
using Step = int (*)(unw_cursor_t*);
using GetReg = int (*)(unw_cursor_t*, int, unw_word_t*);
constinit GetContext get_context = nullptr;
constinit InitLocal init_local = nullptr;
constinit Step step = nullptr;
constinit GetReg get_reg = nullptr;

template <class F>
bool find(void* library, const char* name, F* f) { return (*f = reinterpret_cast<F>(dlsym(library, name))) != nullptr; }

__thread bool capturing __attribute__((tls_model("initial-exec")));
__thread int ignoring __attribute__((tls_model("initial-exec")));
__thread int64_t until_sample __attribute__((tls_model("initial-exec")));  // bytes
__thread uint64_t random __attribute__((tls_model("initial-exec")));

bool is_ours(uintptr_t pc) { return pc >= reinterpret_cast<uintptr_t>(__ehdr_start) && pc < reinterpret_cast<uintptr_t>(_end); }

// -ln(u) times the mean, by the first terms of the series for the mantissa: a per cent off is no matter here.
int64_t exponential(uint64_t mean) {
  random = random * 6364136223846793005 + 1442695040888963407;
  const uint64_t u = random >> 11 | 1;                                   // of 2^53
  const int zeros = __builtin_clzll(u) - 11;
  const double m = static_cast<double>(u << zeros) / static_cast<double>(uint64_t{1} << 53);  // in [1/2, 1)
  const double x = 1 - m;
  const double log = zeros * 0.693147 + x * (1 + x * (0.5 + x * (0.333333 + x * 0.3)));
  return static_cast<int64_t>(static_cast<double>(mean) * log) + 1;
}

bool is_sampled(Bytes n) {
  const uint64_t mean = options().sample;
  if (GAMELAN_LIKELY(mean <= 1)) return mean == 1;
  until_sample -= static_cast<int64_t>(n);
  if (GAMELAN_LIKELY(until_sample > 0)) return false;
  if (!random) random = reinterpret_cast<uintptr_t>(&random) ^ static_cast<uint64_t>(sys::monotonic_now());
  until_sample = exponential(mean);
  return true;
}
}  // namespace

void open() {
  if (options().sample == 0 || !stack_depot::make() || !frame_sizes::make()) return;
  void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  if (!library) return;
  const bool all = find(library, "_Ux86_64_getcontext", &get_context) && find(library, "_ULx86_64_init_local", &init_local) &&
                   find(library, "_ULx86_64_step", &step) && find(library, "_ULx86_64_get_reg", &get_reg);
  if (!all || !find(library, "unw_backtrace", &backtrace)) backtrace = nullptr;
  // Once now: its thread-specific key is then one of the first 32, whose values need no memory.
  if (void* frames[2]; backtrace) backtrace(frames, 2);
}

void ignore(int more) { ignoring += more; }


namespace {
// How far the caller's stack may be read, for a goroutine or a thread whose bounds are known; 0: not known.
uintptr_t top_of_stack(uintptr_t sp) {
  const G* g = self();
  if (sp >= g->stack_low && sp < g->stack_high) return g->slot ? SlotPool::stack_top(g) : g->stack_high;
  const ThreadRecord* r = threads::current();
  if (r && sp >= r->stack_low && sp < r->stack_high) return r->stack_high;
  return sp < environment::stack_end() && environment::stack_end() - sp < 8 * MiB ? environment::stack_end() : 0;
}

// A walk's result: return addresses, and where each lies on the stack.
struct Walk {
  uintptr_t pc[kMostFrames], slot[kMostFrames];
  unsigned depth = 0;
  bool has_slots = false;
};

unsigned wanted_depth() { return static_cast<unsigned>(options().depth); }

enum class Outcome : uint8_t { done, unknown, unsteady };

// By distances that were learnt.
Outcome walk_by_sizes(const Caller& caller, uintptr_t top, Walk* w) {
  uintptr_t pc = caller.pc, at = caller.cfa - sizeof(uintptr_t);
  for (w->depth = 0;;) {
    w->pc[w->depth] = pc;
    w->slot[w->depth] = at;
    if (++w->depth == wanted_depth()) break;
    const int32_t distance = frame_sizes::find(pc);
    if (distance == frame_sizes::kOutermost) break;
    if (distance <= 0) return distance == frame_sizes::kUnsteady ? Outcome::unsteady : Outcome::unknown;
    at += static_cast<uintptr_t>(distance);
    if (at >= top) return Outcome::unsteady;
    pc = *reinterpret_cast<const uintptr_t*>(at);
  }
  w->has_slots = true;
  return Outcome::done;
}

void walk_by_libunwind(Walk* w) {
  void* frames[kMostFrames];
  capturing = true;
  const int got = backtrace(frames, min_of(static_cast<int>(wanted_depth()) + 6, kMostFrames));
  capturing = false;
  const auto* pcs = reinterpret_cast<uintptr_t*>(frames);
  int first = 0;
  while (first < got && is_ours(pcs[first])) first++;
  w->depth = 0;
  for (int i = first; i < got && w->depth < wanted_depth(); i++) w->pc[w->depth++] = pcs[i];
}

// Frame by frame, a hundred times slower, but it tells where each return address lies: distances are learnt by it.
void walk_by_steps(const Caller& caller, Walk* w) {
  unw_context_t context;
  unw_cursor_t cursor;
  capturing = true;
  w->depth = 0;
  bool ended = false;
  get_context(&context);
  if (init_local(&cursor, &context) == 0) {
    while (w->depth < wanted_depth()) {
      unw_word_t pc = 0, sp = 0;
      ended = step(&cursor) <= 0 || get_reg(&cursor, UNW_X86_64_RIP, &pc) || get_reg(&cursor, UNW_X86_64_RSP, &sp) || !pc;
      if (ended) break;
      if (w->depth == 0 && sp != caller.cfa) continue;  // ours
      w->pc[w->depth] = pc;
      w->slot[w->depth++] = sp - sizeof(uintptr_t);
    }
  }
  capturing = false;
  for (unsigned i = 1; i < w->depth; i++) frame_sizes::learn(w->pc[i - 1], static_cast<int32_t>(w->slot[i] - w->slot[i - 1]));
  if (ended && w->depth) frame_sizes::learn(w->pc[w->depth - 1], frame_sizes::kOutermost);
  w->has_slots = w->depth && w->pc[0] == caller.pc;
}

uint32_t walk(StackMemo* memo, const Caller& caller) {
  Walk w;
  const uintptr_t top = caller.pc ? top_of_stack(caller.cfa) : 0;
  const Outcome by_sizes = top ? walk_by_sizes(caller, top, &w) : Outcome::unsteady;
  if (by_sizes == Outcome::unknown) walk_by_steps(caller, &w);
  if (by_sizes == Outcome::unsteady || !w.depth) walk_by_libunwind(&w);
  const uint32_t id = stack_depot::put(w.pc, w.depth);
  if (memo && id && w.has_slots) memo->keep(caller, stack_depot::get(id), w.slot);
  return id;
}
}  // namespace

uint32_t take(Bytes n) {
  if (GAMELAN_UNLIKELY(capturing)) return kUnwinders;
  if (GAMELAN_UNLIKELY(ignoring > 0)) return kIgnored;
  if (GAMELAN_UNLIKELY(!backtrace) || !is_sampled(n)) return 0;
  RuntimeSection section;
  const Caller caller = allocation_caller;
  allocation_caller.pc = 0;
  StackMemo* memo = StackMemo::mine();
  if (memo && caller.pc)
    if (const uint32_t id = memo->find(caller)) return id;
  return walk(memo, caller);
}

}  // namespace allocation_stack
}  // namespace gamelan::gc
