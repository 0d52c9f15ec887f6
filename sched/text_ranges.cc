#include "sched/text_ranges.h"

#include "sched/line_reader.h"

namespace gamelan::text_ranges {

namespace {
constexpr unsigned kMost = 512;
constinit Range ranges[kMost] = {};
constinit unsigned count = 0;

bool take_hex(const char** at, const char* end, uint64_t* out) {
  const char* start = *at;
  uint64_t n = 0;
  for (; *at != end; ++*at) {
    const char c = **at;
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    n = n << 4 | static_cast<unsigned>(digit);
  }
  *out = n;
  return *at != start;
}

bool take(const char** at, const char* end, char c) { return *at != end && *(*at)++ == c; }

void skip_word(const char** at, const char* end) {
  while (*at != end && **at != ' ') ++*at;
  while (*at != end && **at == ' ') ++*at;
}

void set_name(Range* r, const MapLine& m) {
  size_t from = m.path_length;
  while (from && m.path[from - 1] != '/') from--;
  size_t n = min_of(m.path_length - from, sizeof r->name - 1);
  mem::copy(r->name, m.path + from, n);
  r->name[n] = 0;
}
}  // namespace

bool parse(const char* line, size_t length, MapLine* out) {
  const char *at = line, *end = line + length;
  if (!take_hex(&at, end, &out->low) || !take(&at, end, '-') || !take_hex(&at, end, &out->high) || !take(&at, end, ' ')) return false;
  if (end - at < 5) return false;
  out->readable = at[0] == 'r';
  out->writable = at[1] == 'w';
  out->executable = at[2] == 'x';
  out->shared = at[3] == 's';
  at += 5;
  if (!take_hex(&at, end, &out->offset) || !take(&at, end, ' ')) return false;
  skip_word(&at, end);  // device
  skip_word(&at, end);  // inode
  out->path = at;
  out->path_length = static_cast<size_t>(end - at);
  return true;
}

void load() {
  LineReader file("/proc/self/maps");
  const char* line;
  size_t length;
  MapLine m;
  char last[40] = "";
  uintptr_t base = 0;
  count = 0;
  while (count < kMost && file.next(&line, &length)) {
    if (!parse(line, length, &m)) continue;
    Range& r = ranges[count];
    set_name(&r, m);
    if (!mem::same_text(r.name, last)) {
      base = m.low - m.offset;
      mem::copy(last, r.name, sizeof last);
    }
    if (!m.executable || !m.readable) continue;
    r.low = m.low;
    r.high = m.high;
    r.base = base;
    count++;
  }
}

const Range* find(uintptr_t pc) {
  for (unsigned i = 0; i < count; i++)
    if (pc >= ranges[i].low && pc < ranges[i].high) return &ranges[i];
  return nullptr;
}

bool ends_in_call(const unsigned char* code) {
  if (code[2] == 0xe8) return true;  // call rel32
  // call r/m: ff /2, in two, three, six or seven bytes
  const auto is_call = [code](int before) { return code[7 - before] == 0xff && (code[8 - before] >> 3 & 7) == 2; };
  return is_call(2) || is_call(3) || is_call(6) || is_call(7);
}

}  // namespace gamelan::text_ranges
