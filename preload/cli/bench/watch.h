// preload/cli/bench/watch.h: waits for a child and samples a process tree meanwhile.
#pragma once
#include <chrono>

#include "preload/cli/bench/child.h"
#include "preload/cli/bench/interruption.h"
#include "preload/cli/bench/rss_curve.h"

namespace gamelan::cli::bench {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start);

enum class WatchEnd { kEnded, kTimedOut, kInterrupted };

// What is sampled: the tree under `root`, times counted from `start`.
struct Sampled {
  pid_t root;
  Clock::time_point start;
  RssCurve& curve;
};

// Until `child` has ended, or `timeout` seconds from now (0: no limit), or a signal came.
WatchEnd watch(const Child& child, double timeout, const Sampled& sampled, Interruption& interruption);

}  // namespace gamelan::cli::bench
