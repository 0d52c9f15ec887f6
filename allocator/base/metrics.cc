// allocator/base/metrics.cc: the published page itself.
#include "allocator/base/metrics.h"

#include <stddef.h>

extern "C" {
__attribute__((visibility("default"))) constinit gamelan::MetricsPage gamelan_metrics = {
    gamelan::kMetricsMagic, gamelan::kMetricsVersion, static_cast<uint32_t>(gamelan::Metric::kCount), 1, 0,
    "native", "off", "not started", {}};
}

namespace gamelan {

namespace {
template <size_t N>
void put(char (&to)[N], const char* text) {
  size_t i = 0;
  for (; text[i] && i + 1 < N; i++) to[i] = text[i];
  to[i] = 0;
}
}  // namespace

void publish_threads_mode(const char* mode, const char* reason) {
  put(gamelan_metrics.threads, mode);
  put(gamelan_metrics.reason, reason);
}

}  // namespace gamelan
