// preload/cli/bench/rss_curve.h: resident memory over the time of a run, in a bounded number of samples.
//
// Rule     samples come `kFirstStep` apart at first; when the curve is full, every second one is dropped and the
//          step is doubled.  A run of any length so ends with between half of `kMost` and `kMost` samples.
// Pure     time is an argument.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace gamelan::cli::bench {

class RssCurve {
 public:
  static constexpr size_t kMost = 256;
  static constexpr double kFirstStep = 0.002;  // seconds

  struct Sample {
    double seconds;  // since the run began
    uint64_t bytes;
  };

  void add(double seconds, uint64_t bytes);

  double step() const { return step_; }
  uint64_t peak() const { return peak_; }  // of all samples, also of those dropped since
  const std::vector<Sample>& samples() const { return samples_; }

 private:
  void halve();

  double step_ = kFirstStep;
  uint64_t peak_ = 0;
  std::vector<Sample> samples_;
};

}  // namespace gamelan::cli::bench
