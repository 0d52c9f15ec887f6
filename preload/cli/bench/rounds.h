// preload/cli/bench/rounds.h: a job under every contender, by turns.
//
// Order    each round runs every contender once and begins with another one, so that whatever grows or shrinks over
//          time (caches, heat, other people's load) meets all of them alike.  One run before that warms the page
//          cache.
// Void     a contender whose run failed is not run again.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "preload/cli/bench/contender.h"
#include "preload/cli/bench/interruption.h"
#include "preload/cli/bench/job.h"

namespace gamelan::cli::bench {

// Which contender runs when: the indices of round `round`.
std::vector<size_t> order_of_round(size_t round, size_t contenders);

struct Rounds {
  int count = 1;
  bool is_warmed = true;
  std::function<void(const Contender&)> before_run = [](const Contender&) {};
};

// [contender][round].  A signal ends it early: `interruption` then says so.
using Measurements = std::vector<std::vector<Measurement>>;
Measurements run_rounds(const Job& job, const std::vector<Contender>& contenders, const Rounds& rounds,
                        Interruption& interruption);

}  // namespace gamelan::cli::bench
