// start_up STARTS PROGRAM: what it costs to start and end a program that does nothing, with what is preloaded into us.
//
// Figures   cpu (us, the median), faults (the least): of one start, as the kernel counts them for the child.
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "kit.h"

using namespace bench;

namespace {

struct Start {
  double cpu_us;
  double faults;
};

double microseconds(const timeval& time) {
  return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
}

Start start(char* program) {
  char* words[] = {program, nullptr};
  pid_t pid;
  int status;
  rusage usage;
  if (posix_spawn(&pid, program, nullptr, nullptr, words, environ) != 0) abort();
  if (wait4(pid, &status, 0, &usage) != pid || status != 0) abort();
  return {microseconds(usage.ru_utime) + microseconds(usage.ru_stime), static_cast<double>(usage.ru_minflt)};
}

}  // namespace

int main(int argc, char** argv) {
  const uint64_t starts = argument(argc, argv, 1, 100);
  char true_program[] = "/bin/true";
  std::vector<double> cpu, faults;
  for (uint64_t i = 0; i < starts; ++i) {
    const Start one = start(argc > 2 ? argv[2] : true_program);
    cpu.push_back(one.cpu_us);
    faults.push_back(one.faults);
  }
  std::sort(cpu.begin(), cpu.end());
  figure("cpu", cpu[cpu.size() / 2], "us");
  figure("faults", *std::min_element(faults.begin(), faults.end()), "faults");
  return finish(starts);
}
