// preload/cli/bench/interruption.h: SIGINT, SIGTERM and SIGHUP as something to poll for, while programs are running.
//
// Owns     a signalfd, and the mask of this process as long as it lives; children are started with `original_mask`.
#pragma once
#include <csignal>

namespace gamelan::cli::bench {

class Interruption {
 public:
  Interruption();
  ~Interruption();
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  int descriptor() const { return descriptor_; }
  const sigset_t& original_mask() const { return original_mask_; }

  // Takes what has come.  Once a signal came it stays so.
  bool has_come();
  int signal_number() const { return signal_; }

 private:
  int descriptor_ = -1;
  int signal_ = 0;
  sigset_t original_mask_;
};

}  // namespace gamelan::cli::bench
