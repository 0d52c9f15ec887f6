// sched/text_ranges.h: which file's code an address is in, asked of /proc/self/maps: no lock of ld.so's, no dladdr.
//
// Owns     a table of executable ranges, for one reader at a time (dump.cc holds a flag).
// An offset counts from where the file's first page is mapped: what `addr2line -e FILE` takes for shared objects and PIE.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace gamelan::text_ranges {

struct Range {
  uintptr_t low, high;
  uintptr_t base;     // of the file's first page
  char name[40];      // last component of the path
};

struct MapLine {
  uintptr_t low, high;
  uint64_t offset;
  bool readable, writable, executable, shared;
  const char* path;   // "" where there is none
  size_t path_length;
};
bool parse(const char* line, size_t length, MapLine* out);

void load();                           // reads the maps anew
const Range* find(uintptr_t pc);       // nullptr: not code
// Whether the bytes before a return address are a call. `code` is the seven bytes before it.
bool ends_in_call(const unsigned char* code);

}  // namespace gamelan::text_ranges
