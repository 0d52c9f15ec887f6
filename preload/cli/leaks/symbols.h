// preload/cli/leaks/symbols.h: functions and source lines for addresses in files, by their debug information.
//
// Owns     one libdwfl session; files are opened once. Separate debug files are found by build-id, as gdb finds them.
// Source   elfutils' libdwfl.h, libdw.h; DWARF 5, 3.3.8 inlined subroutines.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "preload/cli/leaks/findings.h"

namespace gamelan::cli {

class Symbols {
 public:
  Symbols();
  ~Symbols();
  // The frame, with the functions that were inlined at its address in front, the innermost first.
  std::vector<Frame> resolve(const Frame& frame);

 private:
  struct Session;
  std::unique_ptr<Session> session_;
};

// Every frame of every leak.
void resolve_all(std::vector<ProcessFindings>& findings);

}  // namespace gamelan::cli
