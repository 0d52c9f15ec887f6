// tests/unit/death.h: what a process says when it dies.
//
// Why      Criterion's `.signal` tells only that a test ended by SIGABRT; users also read which line was printed, and
//          a test that dies by the wrong check would pass.
#pragma once
#include <functional>
#include <string>

namespace gamelan::test {

struct End {
  int signal;         // 0: it did not die
  int exit_code;      // where it did not
  std::string words;  // all it wrote to fd 2
  bool aborted_saying(const char* text) const;
};

// Runs `f` in a fork; where it returns, the child ends with exit code 0.
End end_of(const std::function<void()>& f);

}  // namespace gamelan::test
