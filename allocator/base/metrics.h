// allocator/base/metrics.h: the published counters, one page that anyone may read while we run.
//
// Owns     `gamelan_metrics`, an exported object, so that `gamelan stat PID` finds it by symbol.
// Threads  any; relaxed atomics, no ordering is promised between rows.
// Go       runtime/metrics.
#pragma once
#include <stdint.h>

namespace gamelan {

enum class Metric : uint32_t {
#define METRIC(id, name, text) id,
#include "allocator/base/metrics.inc"
#undef METRIC
  kCount
};

inline constexpr uint64_t kMetricsMagic = 0x474d4c4e53544154;  // "GMLNSTAT"
inline constexpr uint32_t kMetricsVersion = 1;

// The layout that another process reads: fixed, little-endian, all fields naturally aligned.
struct MetricsPage {
  uint64_t magic;
  uint32_t version;
  uint32_t count;       // rows that follow; a reader takes the smaller of its own and this
  uint32_t gomaxprocs;  // logical processors
  uint32_t path;        // 0 not started, 1 lists, 2 bitmap
  char threads[16];     // "native" or "goroutine", NUL-terminated
  char gc[16];          // "off", "leak", "collect"
  char reason[96];      // why this mode, in words
  uint64_t value[static_cast<uint32_t>(Metric::kCount)];
};

extern "C" __attribute__((visibility("default"))) MetricsPage gamelan_metrics;

inline void metric_add(Metric m, uint64_t n) {
  __atomic_fetch_add(&gamelan_metrics.value[static_cast<uint32_t>(m)], n, __ATOMIC_RELAXED);
}
inline void metric_sub(Metric m, uint64_t n) {
  __atomic_fetch_sub(&gamelan_metrics.value[static_cast<uint32_t>(m)], n, __ATOMIC_RELAXED);
}
inline uint64_t metric_read(Metric m) {
  return __atomic_load_n(&gamelan_metrics.value[static_cast<uint32_t>(m)], __ATOMIC_RELAXED);
}

// What `gamelan stat` says of the threads: the mode, and why.
void publish_threads_mode(const char* mode, const char* reason);

}  // namespace gamelan
