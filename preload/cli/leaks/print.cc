#include "preload/cli/leaks/print.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "preload/cli/version.h"

namespace gamelan::cli {
namespace {

using Json = nlohmann::ordered_json;

const char* plural(uint64_t n) { return n == 1 ? "" : "s"; }

std::string base_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

std::string as_text(const Frame& frame, size_t number) {
  std::string line = fmt::format("    #{} {}", number, frame.function.empty() ? fmt::format("{:#x}", frame.pc) : frame.function);
  if (!frame.file.empty()) line += fmt::format(" at {}:{}", frame.file, frame.line);
  if (frame.is_inlined) return line + " (inlined)\n";
  return frame.module.empty() ? line + "\n" : fmt::format("{} ({}+{:#x})\n", line, base_name(frame.module), frame.offset);
}

std::string as_text(const ProcessFindings& process, const Leak& leak) {
  std::string text = fmt::format("{}[{}]: {} leak: {} byte{} in {} block{}, allocated at\n", process.program, process.pid, leak.kind,
                                 leak.bytes, plural(leak.bytes), leak.blocks, plural(leak.blocks));
  for (size_t i = 0; i < leak.frames.size(); ++i) text += as_text(leak.frames[i], i);
  return leak.frames.empty() ? text + "    (the stack was not kept)\n" : text;
}

struct Sum {
  uint64_t bytes = 0, blocks = 0;
};
Sum sum_of(const ProcessFindings& process) {
  Sum sum;
  for (const Leak& leak : process.leaks)
    if (leak.suppressed_by.empty()) sum.bytes += leak.bytes, sum.blocks += leak.blocks;
  return sum;
}

std::string summary_of(const ProcessFindings& process) {
  const Sum sum = sum_of(process);
  const std::string lost = sum.blocks ? fmt::format("{} byte{} in {} block{} leaked", sum.bytes, plural(sum.bytes), sum.blocks, plural(sum.blocks))
                                      : std::string("no leaks");
  return fmt::format("{}[{}] {}: {}; {} bytes in {} blocks still reachable\n", process.program, process.pid, process.when, lost,
                     process.reachable_bytes, process.reachable_blocks);
}

Json as_json(const Frame& frame) {
  Json json{{"pc", fmt::format("{:#x}", frame.pc)}, {"function", frame.function}, {"module", frame.module},
            {"offset", fmt::format("{:#x}", frame.offset)}, {"inlined", frame.is_inlined}};
  if (!frame.file.empty()) json.update({{"file", frame.file}, {"line", frame.line}});
  return json;
}

Json as_json(const Leak& leak) {
  Json json{{"kind", leak.kind}, {"bytes", leak.bytes}, {"blocks", leak.blocks}, {"frames", Json::array()}};
  for (const Frame& frame : leak.frames) json["frames"].push_back(as_json(frame));
  if (!leak.suppressed_by.empty()) json["suppressed_by"] = leak.suppressed_by;
  return json;
}

Json location_of(const Frame& frame) {
  Json location{{"message", {{"text", frame.function.empty() ? fmt::format("{:#x}", frame.pc) : frame.function}}}};
  const std::string where = frame.file.empty() ? frame.module : frame.file;
  if (where.empty()) return location;
  location["physicalLocation"] = {{"artifactLocation", {{"uri", where.starts_with('/') ? "file://" + where : where}}}};
  if (!frame.file.empty() && frame.line > 0) location["physicalLocation"]["region"] = {{"startLine", frame.line}};
  return location;
}

Json result_of(const Leak& leak) {
  Json result{{"ruleId", leak.kind + "-leak"}, {"level", leak.kind == "indirect" ? "warning" : "error"},
              {"message", {{"text", fmt::format("{} byte{} in {} block{} leaked", leak.bytes, plural(leak.bytes), leak.blocks, plural(leak.blocks))}}}};
  Json frames = Json::array();
  for (const Frame& frame : leak.frames) frames.push_back({{"location", location_of(frame)}});
  // The first frame that has a source is where people look.
  for (const Frame& frame : leak.frames) {
    if (frame.file.empty()) continue;
    result["locations"] = Json::array({location_of(frame)});
    break;
  }
  if (!frames.empty()) result["stacks"] = Json::array({Json{{"frames", frames}}});
  if (!leak.suppressed_by.empty()) result["suppressions"] = Json::array({Json{{"kind", "external"}, {"justification", "leak:" + leak.suppressed_by}}});
  return result;
}

Json rule(const char* id, const char* text) { return {{"id", id}, {"shortDescription", {{"text", text}}}}; }

}  // namespace

uint64_t count_leaks(const std::vector<ProcessFindings>& findings) {
  uint64_t blocks = 0;
  for (const ProcessFindings& process : findings) blocks += sum_of(process).blocks;
  return blocks;
}

std::string leaks_as_text(const std::vector<ProcessFindings>& findings, const std::vector<Suppression>& rules) {
  std::string text, sums;
  for (const ProcessFindings& process : findings) {
    for (const Leak& leak : process.leaks)
      if (leak.suppressed_by.empty()) text += as_text(process, leak);
    sums += summary_of(process);
  }
  for (const Suppression& rule : rules)
    if (rule.leaks)
      text += fmt::format("suppressed by leak:{}: {} byte{} in {} block{}\n", rule.pattern, rule.bytes, plural(rule.bytes), rule.blocks, plural(rule.blocks));
  return text + sums;
}

std::string leaks_as_json(const std::vector<ProcessFindings>& findings, const std::vector<Suppression>& rules) {
  Json all{{"version", 1}, {"processes", Json::array()}, {"suppressions", Json::array()}};
  for (const ProcessFindings& process : findings) {
    const Sum sum = sum_of(process);
    Json json{{"pid", process.pid}, {"program", process.program}, {"when", process.when}, {"leaked_bytes", sum.bytes}, {"leaked_blocks", sum.blocks},
              {"reachable_bytes", process.reachable_bytes}, {"reachable_blocks", process.reachable_blocks}, {"leaks", Json::array()}};
    for (const Leak& leak : process.leaks) json["leaks"].push_back(as_json(leak));
    all["processes"].push_back(json);
  }
  for (const Suppression& rule : rules)
    all["suppressions"].push_back({{"pattern", rule.pattern}, {"leaks", rule.leaks}, {"bytes", rule.bytes}, {"blocks", rule.blocks}});
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string leaks_as_sarif(const std::vector<ProcessFindings>& findings) {
  Json results = Json::array();
  for (const ProcessFindings& process : findings)
    for (const Leak& leak : process.leaks) results.push_back(result_of(leak));
  const Json driver{{"name", "gamelan leaks"}, {"version", version()},
                    {"rules", {rule("direct-leak", "Memory that nothing points to any more"),
                               rule("cyclic-leak", "Memory that only a ring of lost blocks points to"),
                               rule("indirect-leak", "Memory that only a lost block points to")}}};
  const Json sarif{{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"},
                   {"runs", Json::array({Json{{"tool", {{"driver", driver}}}, {"results", results}}})}};
  return sarif.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace gamelan::cli
