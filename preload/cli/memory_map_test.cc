#include "preload/cli/memory_map.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

namespace {

constexpr std::string_view kMaps =
    "55d0c0a00000-55d0c0a02000 r--p 00000000 fe:00 131 /usr/bin/sleep\n"
    "7f1200000000-7f1200021000 rw-p 00000000 00:00 0 \n"
    "7f1234000000-7f1234004000 r--p 00000000 fe:00 900 /opt/a b/libgamelan.so (deleted)\n"
    "7f1234004000-7f1234010000 r-xp 00004000 fe:00 900 /opt/a b/libgamelan.so (deleted)\n"
    "7f1234010000-7f1234011000 ---p 00010000 fe:00 900 /opt/a b/libgamelan.so (deleted)\n"
    "7f1235000000-7f1235001000 r--p 00000000 fe:00 901 /elsewhere/libgamelan.so\n"
    "7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                          [stack]\n";

}  // namespace

Test(memory_map, reads_every_line) {
  const auto ranges = parse_maps(kMaps);
  cr_assert_eq(ranges.size(), 7);
  cr_assert_eq(ranges[0].start, 0x55d0c0a00000);
  cr_assert_eq(ranges[3].offset, 0x4000);
  cr_assert(ranges[1].path.empty() && ranges[6].path == "[stack]");
  cr_assert_not(ranges[4].is_readable);
}

Test(memory_map, takes_the_first_library_even_when_replaced) {
  const auto ours = ranges_of_library(parse_maps(kMaps));
  cr_assert_eq(ours.size(), 3);
  cr_assert(ours[0].path == "/opt/a b/libgamelan.so");
  cr_assert_eq(ours[2].end, 0x7f1234011000);
}

Test(memory_map, passes_over_what_it_cannot_read) {
  cr_assert(parse_maps("nonsense\n\n12-zz r--p 0 0 0 x").empty());
  cr_assert(ranges_of_library({}).empty());
}
