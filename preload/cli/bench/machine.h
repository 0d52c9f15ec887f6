// preload/cli/bench/machine.h: what was measured on, as far as it moves figures.
#pragma once
#include <string>

namespace gamelan::cli::bench {

struct Machine {
  std::string processor;  // "AMD EPYC"
  int processors = 0;     // that we may run on
  double memory_gib = 0;
  std::string kernel;
  std::string libc;
  std::string huge_pages;  // the mode of transparent ones: "madvise"
  double load = 0;         // of the last minute, before the first run

  // Others take so much of it that the figures will scatter.
  bool is_busy() const { return load > 0.25 * processors; }
};

Machine this_machine();

// One line.
std::string described(const Machine& machine);

}  // namespace gamelan::cli::bench
