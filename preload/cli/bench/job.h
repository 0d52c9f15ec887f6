// preload/cli/bench/job.h: what is to be run under each allocator, and what one run of it gave.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "preload/cli/bench/rss_curve.h"

namespace gamelan::cli::bench {

struct Job {
  std::vector<std::string> words;                // the program, and its arguments
  std::map<std::string, std::string> variables;  // on top of ours
  std::string folder;                            // to run in; empty: ours
  std::string input = "/dev/null";
  std::string ready, load;  // shell commands: then the program is a server, and `load` is what is timed
  double timeout = 0;       // seconds; 0: none
  bool is_output_compared = true;

  bool is_server() const { return !load.empty(); }
};

// What a program measured itself: a line "NAME VALUE UNIT" on the descriptor that $BENCH_FIGURES names.
struct Figure {
  std::string name;
  double value = 0;
  std::string unit;
};

struct Measurement {
  std::string failure;  // why the rest says nothing; empty when all went well
  double wall = 0;      // seconds: the program's, or the load's
  double user = 0;      // seconds, of all processes; a server's over its whole life
  double sys = 0;
  uint64_t peak_bytes = 0;
  uint64_t faults = 0;
  RssCurve curve;
  uint64_t output_digest = 0;
  std::vector<Figure> figures;
};

// The lines of $BENCH_FIGURES; what is no such line is passed over.
std::vector<Figure> parse_figures(const std::string& text);

}  // namespace gamelan::cli::bench
