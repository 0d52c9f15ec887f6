// preload/cli/stat.cc: `gamelan stat PID`: the counters of a running program, once or again and again.
#include <fmt/format.h>
#include <signal.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <thread>

#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/human.h"
#include "preload/cli/metric_rows.h"
#include "preload/cli/published_page.h"

namespace gamelan::cli {
namespace {

using Json = nlohmann::ordered_json;

struct StatOptions {
  pid_t pid = 0;
  bool is_json = false;
  double seconds = 0;  // 0: once
  uint64_t count = 0;  // 0: until the process ends
};

// A fixed field of the page, which another process wrote: the NUL may be missing.
template <size_t N>
std::string_view text_of(const char (&field)[N]) {
  const std::string_view text(field, N);
  return text.substr(0, text.find('\0'));
}

std::string_view path_of(const MetricsPage& page) {
  switch (page.path) {
    case 0: return "not started";
    case 1: return "lists";
    case 2: return "bitmap";
    default: return "unknown";
  }
}

// How far the counter moved since the last look.
std::string change_of(uint64_t now, const std::optional<Snapshot>& last, size_t row) {
  if (!last || last->page.value[row] == now) return {};
  return fmt::format("{:+}", static_cast<int64_t>(now - last->page.value[row]));
}

void print_text(pid_t pid, const Snapshot& now, const std::optional<Snapshot>& last) {
  const MetricsPage& page = now.page;
  fmt::print("process {} ({})\n", pid, now.program);
  fmt::print("  threads {}, gc {}, path {}, GOMAXPROCS {}\n", text_of(page.threads), text_of(page.gc), path_of(page),
             page.gomaxprocs);
  if (!text_of(page.reason).empty()) fmt::print("  why: {}\n", text_of(page.reason));
  const auto rows = all_metrics();
  for (size_t i = 0; i < now.rows; ++i) {
    const uint64_t value = page.value[i];
    const std::string human = unit_of(rows[i].name) == "bytes" ? human_bytes(value) : "";
    std::string line =
        fmt::format("  {:<38} {:>16} {:>11} {:>12}", rows[i].name, value, human, change_of(value, last, i));
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

Json json_of(pid_t pid, const Snapshot& now) {
  const MetricsPage& page = now.page;
  Json metrics = Json::object();
  for (size_t i = 0; i < now.rows; ++i) metrics[std::string(all_metrics()[i].name)] = page.value[i];
  return {{"pid", pid},
          {"program", now.program},
          {"threads", text_of(page.threads)},
          {"gc", text_of(page.gc)},
          {"path", path_of(page)},
          {"gomaxprocs", page.gomaxprocs},
          {"reason", text_of(page.reason)},
          {"metrics", metrics}};
}

void print(const StatOptions& options, const Snapshot& now, const std::optional<Snapshot>& last) {
  const bool is_watched = options.seconds > 0;
  if (options.is_json) {
    // a line each when watched, so that a reader can take them as they come
    fmt::print("{}\n", json_of(options.pid, now).dump(is_watched ? -1 : 2, ' ', false, Json::error_handler_t::replace));
  } else {
    if (last) fmt::print("\n");
    print_text(options.pid, now, last);
  }
  std::fflush(stdout);
}

bool has_ended(pid_t pid) { return kill(pid, 0) != 0 && errno == ESRCH; }

int watch(const StatOptions& options) {
  std::optional<Snapshot> last;
  for (uint64_t n = 1;; ++n) {
    Result<Snapshot> now = read_snapshot(options.pid);
    if (!now && last && has_ended(options.pid)) return kExitOk;  // watched to its end
    if (!now) return report({now.failure().exit_code, fmt::format("process {}: {}", options.pid, now.failure().text)});
    print(options, *now, last);
    if (options.seconds == 0 || n == options.count || std::ferror(stdout)) return kExitOk;
    last = std::move(*now);
    std::this_thread::sleep_for(std::chrono::duration<double>(options.seconds));
  }
}

}  // namespace

int stat_command(const Words& words) {
  CommandLine line("stat");
  StatOptions options;
  CLI::App& app = line.options();
  app.add_option("PID", options.pid, "a process that runs under gamelan")->required()->check(whole_number_above_0());
  app.add_flag("--json", options.is_json, "print JSON; with --watch one object a line");
  auto* seconds = app.add_option("--watch", options.seconds, "look again every SECONDS until the process ends")
                      ->type_name("SECONDS")
                      ->check(seconds_above_0());
  app.add_option("--count", options.count, "stop after N looks")
      ->type_name("N")
      ->check(whole_number_above_0())
      ->needs(seconds);
  if (const auto code = line.parse(words)) return *code;
  return watch(options);
}

}  // namespace gamelan::cli
