// preload/cli/bench/scratch.h: an empty folder for each run, always under the same name.
//
// Owns     a folder in the system's temporary one; it goes with the Scratch.
// Why      a path that changes would change a program's environment and so its heap.
#pragma once
#include <string>

namespace gamelan::cli::bench {

class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }

  // Throws   std::filesystem::filesystem_error.
  void empty() const;

 private:
  std::string path_;
};

}  // namespace gamelan::cli::bench
