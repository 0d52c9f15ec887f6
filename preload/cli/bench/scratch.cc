#include "preload/cli/bench/scratch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>

namespace gamelan::cli::bench {

namespace fs = std::filesystem;

Scratch::Scratch() : path_(fs::temp_directory_path() / fmt::format("gamelan-bench-{:07}", getpid())) { empty(); }

Scratch::~Scratch() {
  std::error_code error;
  fs::remove_all(path_, error);
}

void Scratch::empty() const {
  fs::remove_all(path_);
  fs::create_directory(path_);
}

}  // namespace gamelan::cli::bench
