// preload/cli/bench/progress.h: a bar on stderr while runs go on.
//
// Shown    on a terminal only, and not with NO_COLOR or TERM=dumb; otherwise every call does nothing.
#pragma once
#include <chrono>
#include <string>

namespace gamelan::cli::bench {

class Progress {
 public:
  // `total` runs are to come.
  explicit Progress(size_t total);
  ~Progress() { clear(); }

  // A run begins; `label` says which.
  void step(const std::string& label);

  // `runs` will not happen after all.
  void skip(size_t runs) { done_ += runs; }

  // Takes the bar away, before something else is printed; the next step draws it again.
  void clear();

 private:
  const bool is_shown_;
  const size_t total_;
  size_t done_ = 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// "[#####.....] 12/24 larson-8 mimalloc, 40 s to go"
std::string progress_line(size_t done, size_t total, double seconds, const std::string& label);

}  // namespace gamelan::cli::bench
