// sched/own_threads.cc: the ranges.
#include "sched/own_threads.h"

#include <link.h>

#include "allocator/base/atomic.h"
#include "allocator/base/options.h"
#include "sched/program_rules.h"

namespace gamelan::own_threads {

namespace {
struct Range {
  Atomic<uintptr_t> low, high;
};
constexpr unsigned kMost = 16;
constinit Range ranges[kMost] = {};
constinit Atomic<unsigned> count{0};

const char* last_component(const char* path) {
  const char* name = path;
  for (const char* c = path; *c; c++)
    if (*c == '/') name = c + 1;
  return name;
}

int add_code(dl_phdr_info* info, size_t, void*) {
  if (rules::find_for_library(last_component(info->dlpi_name)) != rules::Verdict::native) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& p = info->dlpi_phdr[i];
    const unsigned n = count.load_relaxed();
    if (p.p_type != PT_LOAD || !(p.p_flags & PF_X) || n == kMost) continue;
    ranges[n].low.store_relaxed(info->dlpi_addr + p.p_vaddr);
    ranges[n].high.store_relaxed(info->dlpi_addr + p.p_vaddr + p.p_memsz);
    count.store_release(n + 1);  // pairs: begin_at
  }
  return 0;
}
}  // namespace

void refresh() {
  if (options().threads_mode != ThreadsMode::automatic || !rules::any_for_libraries()) return;
  count.store_relaxed(0);
  dl_iterate_phdr(add_code, nullptr);  // under ld.so's lock
}

bool begin_at(uintptr_t start) {
  const unsigned n = count.load_acquire();
  for (unsigned i = 0; i < n; i++)
    if (start >= ranges[i].low.load_relaxed() && start < ranges[i].high.load_relaxed()) return true;
  return false;
}

}  // namespace gamelan::own_threads
