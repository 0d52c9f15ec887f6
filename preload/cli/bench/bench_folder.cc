#include "preload/cli/bench/bench_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <vector>

#include "preload/cli/bench/tool.h"

namespace gamelan::cli::bench {
namespace {

namespace fs = std::filesystem;

fs::path folder_of_command() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

fs::path cache_folder() {
  if (fs::exists(folder_of_command() / "CMakeCache.txt")) return folder_of_command() / "bench-on-demand";
  const std::string cache = variable("XDG_CACHE_HOME");
  return fs::path(cache.empty() ? variable("HOME") + "/.cache" : cache) / "gamelan/bench";
}

bool has_all(const fs::path& folder, const std::set<std::string>& names) {
  return std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return access((folder / name).c_str(), X_OK) == 0; });
}

// The last line that says something.
std::string last_line(const std::string& text) {
  const size_t end = text.find_last_not_of('\n');
  return end == text.npos ? "" : text.substr(text.rfind('\n', end) + 1, end - text.rfind('\n', end));
}

std::optional<Failure> run(const std::vector<std::string>& words) {
  const ToolRun tool = run_tool(words);
  if (tool.is_success()) return std::nullopt;
  const std::string said = last_line(tool.errors.empty() ? tool.output : tool.errors);
  return Failure{kExitOurFailure,
                 fmt::format("bench: cannot build the suite's programs: {}: {}", fmt::join(words, " "), said)};
}

}  // namespace

Result<std::string> find_bench_folder() {
  std::vector<std::string> places;
  for (const char* place : {"../../bench", "../share/gamelan/bench"})
    places.push_back((folder_of_command() / place).lexically_normal());
  if (const std::string named = variable("GAMELAN_BENCH"); !named.empty()) places = {fs::absolute(named)};
  for (const std::string& place : places)
    if (fs::exists(place + "/suite.toml")) return place;
  return Failure{kExitOurFailure,
                 fmt::format("bench: cannot find suite.toml; looked in {}; set GAMELAN_BENCH to its folder",
                             fmt::join(places, ", "))};
}

// A minimal machine may have ninja and no make, which is cmake's own choice.
static std::vector<std::string> configure(const std::string& from, const std::string& to) {
  std::vector<std::string> words = {"cmake", "-S", from, "-B", to, "-DCMAKE_BUILD_TYPE=Release"};
  if (run_tool({"ninja", "--version"}).is_success()) words.insert(words.end(), {"-G", "Ninja"});
  return words;
}

Result<std::string> build_programs(const std::string& bench_folder, const std::set<std::string>& names) {
  if (const fs::path ready = folder_of_command() / "bench"; has_all(ready, names)) return ready.string();
  const std::string folder = cache_folder();
  if (names.empty()) return folder;
  if (!fs::exists(folder + "/CMakeCache.txt"))
    if (auto failure = run(configure(bench_folder, folder))) return *failure;
  std::vector<std::string> words = {"cmake", "--build", folder, "--parallel", "--target"};
  words.insert(words.end(), names.begin(), names.end());
  if (auto failure = run(words)) return *failure;
  return folder;
}

}  // namespace gamelan::cli::bench
