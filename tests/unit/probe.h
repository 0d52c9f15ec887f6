// tests/unit/probe.h: runs settings_probe with a made-up environment.
#pragma once
#include <string>
#include <vector>

namespace gamelan::test {

struct Probe {
  int exit_code;
  std::string out;  // its `name=value` lines
  std::string err;  // what it said about wrong settings
  bool has(const std::string& line) const;  // a whole line of `out`
};

// `environment`: "NAME=value" each; nothing else is passed on.
Probe probe(const std::vector<std::string>& environment, const std::vector<std::string>& arguments = {});

}  // namespace gamelan::test
