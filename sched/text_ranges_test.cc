#include "sched/text_ranges.h"

#include <criterion/criterion.h>

#include <string_view>

using namespace gamelan;
using text_ranges::MapLine;

namespace {
bool parse(std::string_view line, MapLine* out) { return text_ranges::parse(line.data(), line.size(), out); }
bool ends_in_call(std::initializer_list<unsigned char> last) {
  unsigned char code[8] = {};
  unsigned char* to = code + 7 - last.size();
  for (unsigned char b : last) *to++ = b;
  return text_ranges::ends_in_call(code);
}
}  // namespace

Test(text_ranges, parses_lines_of_maps) {
  MapLine m;
  cr_assert(parse("7f00a000-7f00b000 r-xp 00002000 08:01 1234                  /usr/lib/a b.so", &m));
  cr_assert(m.low == 0x7f00a000 && m.high == 0x7f00b000 && m.offset == 0x2000 && m.readable && m.executable);
  cr_assert(std::string_view(m.path, m.path_length) == "/usr/lib/a b.so");
  cr_assert(parse("7f00a000-7f00b000 rw-p 00000000 00:00 0 ", &m));
  cr_assert(!m.executable && m.path_length == 0);
  for (const char* line : {"", "7f00a000", "7f00a000-7f00b000 r", "nonsense"}) cr_assert_not(parse(line, &m), "%s", line);
}

Test(text_ranges, finds_this_very_function) {
  text_ranges::load();
  const auto here = reinterpret_cast<uintptr_t>(&text_ranges::load);
  const auto* r = text_ranges::find(here);
  cr_assert_not_null(r);
  cr_assert(here >= r->low && here < r->high && r->base <= r->low);
  cr_assert(std::string_view(r->name).find("sched_test") == 0);
  cr_assert_null(text_ranges::find(reinterpret_cast<uintptr_t>(&r)));
}

Test(text_ranges, knows_a_call) {
  cr_assert(ends_in_call({0xe8, 1, 2, 3, 4}));
  cr_assert(ends_in_call({0xff, 0xd0}) && ends_in_call({0x41, 0xff, 0xd4}));
  cr_assert(ends_in_call({0xff, 0x50, 8}) && ends_in_call({0xff, 0x15, 1, 2, 3, 4}) && ends_in_call({0xff, 0x94, 0x24, 1, 2, 3, 4}));
  cr_assert_not(ends_in_call({0x90, 0x90}));
  cr_assert_not(ends_in_call({0xff, 0xe0}));  // a jump
}
