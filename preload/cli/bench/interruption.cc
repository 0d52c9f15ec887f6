#include "preload/cli/bench/interruption.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <initializer_list>

namespace gamelan::cli::bench {

Interruption::Interruption() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ours, signal);
  sigprocmask(SIG_BLOCK, &ours, &original_mask_);
  descriptor_ = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interruption::~Interruption() {
  close(descriptor_);
  sigprocmask(SIG_SETMASK, &original_mask_, nullptr);
}

bool Interruption::has_come() {
  signalfd_siginfo info;
  if (signal_ == 0 && read(descriptor_, &info, sizeof info) == sizeof info) signal_ = static_cast<int>(info.ssi_signo);
  return signal_ != 0;
}

}  // namespace gamelan::cli::bench
