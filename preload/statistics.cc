// preload/statistics.cc: mallinfo2, malloc_info, malloc_stats, malloc_trim, mallopt.
//
// Source   mallinfo(3), malloc_info(3), malloc_trim(3), mallopt(3).
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

#include "allocator/base/metrics.h"
#include "allocator/base/output.h"
#include "allocator/base/print.h"
#include "allocator/malloc.h"
#include "preload/init.h"

using namespace gamelan;

GAMELAN_EXPORT struct mallinfo2 mallinfo2() {
  struct mallinfo2 m{};
  const uint64_t live = metric_read(Metric::heap_live), free = metric_read(Metric::heap_free);
  m.arena = live + free;
  m.uordblks = live;
  m.fordblks = free;
  m.ordblks = metric_read(Metric::spans_in_use);
  m.keepcost = free;
  return m;
}

GAMELAN_EXPORT struct mallinfo mallinfo() {
  const struct mallinfo2 wide = mallinfo2();
  auto narrow = [](size_t n) { return static_cast<int>(n > INT_MAX ? INT_MAX : n); };
  struct mallinfo m{};
  m.arena = narrow(wide.arena);
  m.uordblks = narrow(wide.uordblks);
  m.fordblks = narrow(wide.fordblks);
  m.ordblks = narrow(wide.ordblks);
  m.keepcost = narrow(wide.keepcost);
  return m;
}

GAMELAN_EXPORT int malloc_info(int flags, FILE* out) {
  if (flags != 0) return EINVAL;
  const uint64_t live = metric_read(Metric::heap_live), free = metric_read(Metric::heap_free);
  // stdio is looked up here: most programs never ask, and each symbol costs every program's start a lookup.
  auto fprintf = reinterpret_cast<int (*)(FILE*, const char*, ...)>(dlsym(RTLD_DEFAULT, "fprintf"));
  fprintf(out, "<malloc version=\"gamelan-1\">\n<heap nr=\"0\">\n<sizes>\n</sizes>\n");
  fprintf(out, "<total type=\"spans\" count=\"%llu\" size=\"%llu\"/>\n",
          static_cast<unsigned long long>(metric_read(Metric::spans_in_use)), static_cast<unsigned long long>(live));
  fprintf(out, "<total type=\"rest\" count=\"1\" size=\"%llu\"/>\n", static_cast<unsigned long long>(free));
  fprintf(out, "<system type=\"current\" size=\"%llu\"/>\n<system type=\"max\" size=\"%llu\"/>\n",
          static_cast<unsigned long long>(live + free), static_cast<unsigned long long>(metric_read(Metric::heap_mapped)));
  fprintf(out, "<aspace type=\"total\" size=\"%llu\"/>\n<aspace type=\"mprotect\" size=\"%llu\"/>\n</heap>\n</malloc>\n",
          static_cast<unsigned long long>(metric_read(Metric::heap_mapped)),
          static_cast<unsigned long long>(metric_read(Metric::heap_mapped)));
  return 0;
}

GAMELAN_EXPORT void malloc_stats() {
  Line line;
  line.text("Arena 0:\nsystem bytes     = ").dec(metric_read(Metric::heap_live) + metric_read(Metric::heap_free))
      .text("\nin use bytes     = ").dec(metric_read(Metric::heap_live));
  output::write_line(line);
}

GAMELAN_EXPORT int malloc_trim(size_t) {
  if (is_inert()) return 0;
  if (tls_mcache != &fallback_mcache) tls_mcache->flush_batches();
  bool any = false;
  while (mheap.scavenge(0, kChunkPages)) any = true;
  return any;
}

// Every parameter is accepted, as glibc documents for ones it knows; ours are tuned by GAMELAN_OPTIONS.
GAMELAN_EXPORT int mallopt(int, int) { return 1; }
