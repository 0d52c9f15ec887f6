#include "preload/cli/bench/watch.h"

#include <poll.h>

#include <algorithm>
#include <cmath>

#include "preload/cli/bench/process_tree.h"

namespace gamelan::cli::bench {
namespace {

constexpr double kIdlePerLook = 50;  // a look takes at most 2 % of a processor
constexpr double kLongest = 1e9;

// Returns how long to sleep.
double sample(const Sampled& sampled) {
  const Clock::time_point start = Clock::now();
  uint64_t bytes = 0;
  for (const pid_t pid : tree_under(sampled.root)) bytes += resident_bytes(pid);
  if (bytes > 0) sampled.curve.add(seconds_since(sampled.start), bytes);
  return std::max(sampled.curve.step(), kIdlePerLook * seconds_since(start));
}

// Returns whether `child` has ended; comes back early when a signal came.
bool sleep_beside(const Child& child, double seconds, const Interruption& interruption) {
  pollfd waited[] = {{child.descriptor(), POLLIN, 0}, {interruption.descriptor(), POLLIN, 0}};
  double whole = 0;
  const double part = std::modf(seconds, &whole);
  const timespec timeout{static_cast<time_t>(whole), static_cast<long>(part * 1e9)};
  ppoll(waited, 2, &timeout, nullptr);
  return waited[0].revents != 0;
}

}  // namespace

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

WatchEnd watch(const Child& child, double timeout, const Sampled& sampled, Interruption& interruption) {
  const Clock::time_point start = Clock::now();
  const double limit = timeout > 0 ? timeout : kLongest;
  for (;;) {
    const double left = limit - seconds_since(start);
    if (left <= 0) return WatchEnd::kTimedOut;
    if (sleep_beside(child, std::min(left, sample(sampled)), interruption)) return WatchEnd::kEnded;
    if (interruption.has_come()) return WatchEnd::kInterrupted;
  }
}

}  // namespace gamelan::cli::bench
