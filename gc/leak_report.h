// gc/leak_report.h: findings, grouped by kind and stack, the largest first, as text.
//
// Line     one per group, its frames below; the last line of all sums up. Frames are NAME+OFFSET (FILE+OFFSET): the offset
//          in the file is what `addr2line -e FILE` takes; `gamelan leaks` puts functions and lines in its place.
// Threads  one; the world runs again, since names are ld.so's to tell.
#pragma once
#include "gc/leak_check.h"

namespace gamelan::gc {

struct LeakTotals {
  uint64_t blocks[3] = {};  // by LeakKind
  Bytes bytes[3] = {};
  uint64_t all_blocks() const { return blocks[0] + blocks[1] + blocks[2]; }
  Bytes all_bytes() const { return bytes[0] + bytes[1] + bytes[2]; }
};

// offsets: FILE+OFFSET only, out of /proc/self/maps.
enum class FrameNames : uint8_t { by_loader, offsets };
LeakTotals print_leaks(LeakFindings& found, const char* when, FrameNames names = FrameNames::by_loader);

}  // namespace gamelan::gc
