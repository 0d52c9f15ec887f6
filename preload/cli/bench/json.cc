#include "preload/cli/bench/json.h"

namespace gamelan::cli::bench {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Machine& machine) {
  return {{"processor", machine.processor},
          {"processors", machine.processors},
          {"memory_gib", machine.memory_gib},
          {"kernel", machine.kernel},
          {"glibc", machine.libc},
          {"huge_pages", machine.huge_pages},
          {"load", machine.load}};
}

Json json_of(const Contender& contender) {
  return {{"name", contender.name},
          {"library", contender.library},
          {"variables", contender.variables},
          {"version", contender.version},
          {"is_ours", contender.is_ours}};
}

Json json_of(const std::optional<Comparison>& comparison) {
  if (!comparison) return nullptr;
  const Spread& ratio = comparison->ratio;
  return {{"min", ratio.min}, {"median", ratio.median}, {"max", ratio.max}, {"finding", name_of(comparison->finding)}};
}

Json curve_of(const Entry& entry) {
  Json curve = Json::array();
  for (const RssCurve::Sample& sample : entry.curve) curve.push_back({sample.seconds, sample.bytes});
  return curve;
}

Json json_of(const Entry& entry) {
  return {{"allocator", entry.allocator},
          {"void", entry.is_void() ? Json(entry.void_reason) : Json(nullptr)},
          {"figure", entry.figure},
          {"user", entry.user},
          {"sys", entry.sys},
          {"peak_bytes", entry.peak_bytes},
          {"faults", entry.faults},
          {"rss_curve", curve_of(entry)},
          {"figure_ratio", json_of(entry.figure_ratio)},
          {"peak_ratio", json_of(entry.peak_ratio)}};
}

Json json_of(const Row& row) {
  Json entries = Json::array();
  for (const Entry& entry : row.entries) entries.push_back(json_of(entry));
  return {{"name", row.name},
          {"group", row.group},
          {"unit", row.unit},
          {"not_run", row.not_run.empty() ? Json(nullptr) : Json(row.not_run)},
          {"entries", entries}};
}

Json json_of(const Summary& summary) {
  return {{"allocator", summary.allocator},
          {"against", summary.against},
          {"time", summary.time},
          {"peak", summary.peak},
          {"rows", summary.rows}};
}

template <class Items>
Json list_of(const Items& items) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(json_of(item));
  return list;
}

}  // namespace

Json to_json(const Report& report) {
  return {{"schema", 1},
          {"version", report.version},
          {"command", report.command},
          {"machine", json_of(report.machine)},
          {"allocators", list_of(report.contenders)},
          {"baseline", report.baseline},
          {"rounds", report.rounds},
          {"quick", report.is_quick},
          {"suite", report.is_suite},
          {"notes", report.notes},
          {"rows", list_of(report.rows)},
          {"summaries", list_of(report.summaries)},
          {"verdict", report.verdict}};
}

}  // namespace gamelan::cli::bench
