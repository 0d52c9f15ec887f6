#include "preload/cli/human.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

Test(human, leaves_small_numbers_alone) {
  cr_assert(human_bytes(0).empty());
  cr_assert(human_bytes(1023).empty());
}

Test(human, rounds_into_the_right_unit) {
  cr_assert(human_bytes(1024) == "1.0 KiB");
  cr_assert(human_bytes(1536) == "1.5 KiB");
  cr_assert(human_bytes((1 << 20) - 1) == "1.0 MiB");
  cr_assert(human_bytes(UINT64_MAX) == "16.0 EiB");
}

Test(human, takes_the_unit_from_the_name) {
  cr_assert(unit_of("/memory/scavenged:bytes") == "bytes");
  cr_assert(unit_of("/gc/heap/allocs:objects") == "objects");
}
