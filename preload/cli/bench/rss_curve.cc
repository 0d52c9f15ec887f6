#include "preload/cli/bench/rss_curve.h"

#include <algorithm>

namespace gamelan::cli::bench {

void RssCurve::add(double seconds, uint64_t bytes) {
  samples_.push_back({seconds, bytes});
  peak_ = std::max(peak_, bytes);
  if (samples_.size() > kMost) halve();
}

void RssCurve::halve() {
  // an odd number of them: the newest stays, so that the next one comes a whole step behind it
  for (size_t i = 0; 2 * i < samples_.size(); ++i) samples_[i] = samples_[2 * i];
  samples_.resize((samples_.size() + 1) / 2);
  step_ *= 2;
}

}  // namespace gamelan::cli::bench
