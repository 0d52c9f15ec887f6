#include "preload/cli/metric_rows.h"

namespace gamelan::cli {
namespace {

constexpr MetricRow kRows[] = {
#define METRIC(id, name, text) {name, text},
#include "allocator/base/metrics.inc"
#undef METRIC
};

}  // namespace

std::span<const MetricRow> all_metrics() { return kRows; }

}  // namespace gamelan::cli
