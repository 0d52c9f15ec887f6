#include "gc/allocation_stack.h"

#include <dlfcn.h>

#include "allocator/base/options.h"
#include "allocator/base/syscall.h"
#include "gc/stack_depot.h"
#include "sched/g.h"

extern "C" {
extern char __ehdr_start[] __attribute__((visibility("hidden")));
extern char _end[] __attribute__((visibility("hidden")));
}

namespace gamelan::gc::allocation_stack {

namespace {
constexpr int kMostFrames = 64;

using Backtrace = int (*)(void**, int);
constinit Backtrace backtrace = nullptr;

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
  if (options().sample == 0 || !stack_depot::make()) return;
  if (void* library = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL))
    backtrace = reinterpret_cast<Backtrace>(dlsym(library, "unw_backtrace"));
  // Once now: its thread-specific key is then one of the first 32, whose values need no memory.
  if (void* frames[2]; backtrace) backtrace(frames, 2);
}

void ignore(int more) { ignoring += more; }

bool is_open() { return backtrace != nullptr; }

uint32_t take(Bytes n) {
  if (GAMELAN_UNLIKELY(capturing)) return kUnwinders;
  if (GAMELAN_UNLIKELY(ignoring > 0)) return kIgnored;
  if (GAMELAN_UNLIKELY(!backtrace) || !is_sampled(n)) return 0;
  RuntimeSection section;
  capturing = true;
  void* frames[kMostFrames];
  const int wanted = min_of(static_cast<int>(options().depth) + 6, kMostFrames);
  const int got = backtrace(frames, wanted);
  capturing = false;
  auto* pcs = reinterpret_cast<uintptr_t*>(frames);
  int first = 0;
  while (first < got && is_ours(pcs[first])) first++;
  const int depth = min_of(got - first, static_cast<int>(options().depth));
  return depth > 0 ? stack_depot::put(pcs + first, static_cast<uint32_t>(depth)) : 0;
}

}  // namespace gamelan::gc::allocation_stack
