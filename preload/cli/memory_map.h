// preload/cli/memory_map.h: the lines of /proc/PID/maps that belong to our library.
//
// Pure     text in, ranges out.
// Source   proc(5): the kernel writes a newline in a path as \012 and puts " (deleted)" behind a replaced file.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gamelan::cli {

struct MappedRange {
  uint64_t start;
  uint64_t end;
  uint64_t offset;  // in the file
  bool is_readable;
  std::string path;  // without " (deleted)"
};

std::vector<MappedRange> parse_maps(std::string_view text);

// The ranges of the first library whose file name is libgamelan.so or begins "libgamelan" and ends ".so", in order.
std::vector<MappedRange> ranges_of_library(const std::vector<MappedRange>& all);

}  // namespace gamelan::cli
