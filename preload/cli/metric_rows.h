// preload/cli/metric_rows.h: the rows of metrics.inc as data, in the order of the page.
#pragma once
#include <span>
#include <string_view>

namespace gamelan::cli {

struct MetricRow {
  std::string_view name;  // "/memory/scavenged:bytes"
  std::string_view sentence;
};

std::span<const MetricRow> all_metrics();

}  // namespace gamelan::cli
