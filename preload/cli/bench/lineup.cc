#include "preload/cli/bench/lineup.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <set>

#include "preload/cli/library.h"
#include "preload/cli/version.h"

namespace gamelan::cli::bench {
namespace {

std::vector<Contender> ours(const BenchOptions& options, const std::string& library) {
  Contender plain;
  plain.name = "gamelan";
  plain.library = library;
  plain.version = fmt::format("{} {}", version(), library);
  plain.is_ours = true;
  std::vector<Contender> all;
  for (const std::string mode : {"native", "goroutine"}) {
    if (options.threads != mode && options.threads != "both") continue;
    all.push_back(plain);
    all.back().name += "-" + mode;
    all.back().variables["GAMELAN_THREADS"] = mode;
  }
  return all.empty() ? std::vector<Contender>{plain} : all;
}

std::string against(const BenchOptions& options) {
  if (!options.against.empty()) return fmt::format("{}", fmt::join(options.against, ","));
  return options.is_suite ? "jemalloc,glibc,mimalloc,tcmalloc" : "jemalloc,glibc";
}

// Peers that are not there are noted; a path that is not there was a slip of the user's.
std::optional<Failure> add_peers(Report& report, std::vector<Contender> peers) {
  for (Contender& peer : peers) {
    const bool has_path = !peer.library.empty();
    const auto why = locate(peer);
    if (!why)
      report.contenders.push_back(peer);
    else if (!has_path)
      report.notes.push_back(fmt::format("{} {}", peer.name, *why));
    else
      return Failure{kExitUsage, fmt::format("bench: --against: {} {}", peer.name, *why)};
  }
  return std::nullopt;
}

std::optional<std::string> name_given_twice(const std::vector<Contender>& contenders) {
  std::set<std::string> names;
  for (const Contender& contender : contenders)
    if (!names.insert(contender.name).second) return contender.name;
  return std::nullopt;
}

std::optional<Failure> choose_baseline(Report& report) {
  for (const Contender& contender : report.contenders)
    if (!contender.is_ours && (report.baseline.empty() || contender.name == "jemalloc"))
      report.baseline = contender.name;
  if (!report.baseline.empty()) return std::nullopt;
  return Failure{kExitOurFailure, fmt::format("bench: nothing to compare with: {}", fmt::join(report.notes, "; "))};
}

}  // namespace

std::optional<Failure> line_up(Report& report, const BenchOptions& options) {
  auto peers = parse_contenders(against(options));
  if (!peers) return peers.failure();
  const auto library = find_library();
  if (!library) return library.failure();
  report.contenders = ours(options, *library);
  if (auto failure = add_peers(report, *peers)) return failure;
  if (const auto name = name_given_twice(report.contenders))
    return Failure{kExitUsage,
                   fmt::format("bench: --against: {} is given twice; want NAME=PATH for one of them", *name)};
  return choose_baseline(report);
}

}  // namespace gamelan::cli::bench
