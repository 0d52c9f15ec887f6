#include "preload/cli/bench/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace gamelan::cli::bench {
namespace {

bool is_bar_wanted() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return isatty(STDERR_FILENO) && !(no_color && *no_color) && terminal && std::string_view(terminal) != "dumb";
}

}  // namespace

Progress::Progress(size_t total) : is_shown_(is_bar_wanted()), total_(total) {}

void Progress::step(const std::string& label) {
  if (is_shown_) {
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    fmt::print(stderr, "\r{}\033[K", progress_line(std::min(done_, total_), total_, seconds, label));
    std::fflush(stderr);
  }
  ++done_;
}

void Progress::clear() {
  if (is_shown_) fmt::print(stderr, "\r\033[K");
}

std::string progress_line(size_t done, size_t total, double seconds, const std::string& label) {
  constexpr size_t kWidth = 24;
  const size_t filled = total > 0 ? kWidth * done / total : 0;
  std::string line =
      fmt::format("[{}{}] {}/{} {}", std::string(filled, '#'), std::string(kWidth - filled, '.'), done, total, label);
  if (done > 0)
    line += fmt::format(", {:.0f} s to go", seconds / static_cast<double>(done) * static_cast<double>(total - done));
  return line;
}

}  // namespace gamelan::cli::bench
