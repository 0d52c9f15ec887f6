// allocator/base/metrics.cc: the published page itself.
#include "allocator/base/metrics.h"

extern "C" {
__attribute__((visibility("default"))) constinit gamelan::MetricsPage gamelan_metrics = {
    gamelan::kMetricsMagic, gamelan::kMetricsVersion, static_cast<uint32_t>(gamelan::Metric::kCount), 1, 0,
    "native", "off", "not started", {}};
}
