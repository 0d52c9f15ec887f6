#include "sched/cpu_quota.h"

#include "allocator/base/print.h"
#include "sched/line_reader.h"

namespace gamelan::cpu_quota {

namespace {
// A number and what ends it, taken off the front.
bool take_number(const char** at, const char* end, uint64_t* out) {
  const char* start = *at;
  uint64_t n = 0;
  for (; *at != end && **at >= '0' && **at <= '9' && *at - start < 18; ++*at) n = n * 10 + static_cast<uint64_t>(**at - '0');
  *out = n;
  return *at != start;
}

unsigned quota_of(const char* mount, const char* group, size_t length) {
  Line path;
  path.text(mount).text(group, length).text("/cpu.max");
  LineReader file(path.c_str());
  const char* line;
  size_t n;
  return file.next(&line, &n) ? parse(line, n) : kNone;
}
}  // namespace

unsigned parse(const char* line, size_t length) {
  const char *at = line, *end = line + length;
  uint64_t quota, period;
  if (!take_number(&at, end, &quota) || at == end || *at != ' ') return kNone;
  at++;
  if (!take_number(&at, end, &period) || !period) return kNone;
  const uint64_t n = (quota + period - 1) / period;
  return n < kNone ? static_cast<unsigned>(max_of(n, uint64_t{1})) : kNone;
}

unsigned find(const char* membership, const char* mount) {
  LineReader file(membership);
  const char* line;
  size_t length;
  while (file.next(&line, &length)) {
    if (length < 4 || !mem::equal(line, "0::/", 4)) continue;  // "0::" is version 2's
    const char* group = line + 3;
    size_t n = length - 3;
    unsigned least = kNone;
    while (n) {
      least = min_of(least, quota_of(mount, group, n));
      while (n && group[n - 1] != '/') n--;
      if (n) n--;  // the slash too: the group above
    }
    return min_of(least, quota_of(mount, "", 0));
  }
  return kNone;
}

}  // namespace gamelan::cpu_quota
