#include "preload/cli/bench/rounds.h"

#include "preload/cli/bench/measure.h"

namespace gamelan::cli::bench {

std::vector<size_t> order_of_round(size_t round, size_t contenders) {
  std::vector<size_t> order;
  for (size_t i = 0; i < contenders; ++i) order.push_back((round + i) % contenders);
  return order;
}

Measurements run_rounds(const Job& job, const std::vector<Contender>& contenders, const Rounds& rounds,
                        Interruption& interruption) {
  Measurements seen(contenders.size());
  const auto run = [&](size_t i) {
    rounds.before_run(contenders[i]);
    return measure(job, contenders[i], interruption);
  };
  if (rounds.is_warmed) run(0);
  for (int round = 0; round < rounds.count; ++round)
    for (const size_t i : order_of_round(static_cast<size_t>(round), contenders.size())) {
      if (interruption.has_come()) return seen;
      if (seen[i].empty() || seen[i].back().failure.empty()) seen[i].push_back(run(i));
    }
  return seen;
}

}  // namespace gamelan::cli::bench
