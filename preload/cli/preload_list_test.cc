#include "preload/cli/preload_list.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

Test(preload_list, starts_a_list) { cr_assert(put_first("/lib/libgamelan.so", "") == "/lib/libgamelan.so"); }

Test(preload_list, keeps_old_entries_in_order) {
  cr_assert(put_first("/l/libgamelan.so", "a.so b.so:/c/d.so") == "/l/libgamelan.so:a.so:b.so:/c/d.so");
}

Test(preload_list, drops_duplicates_and_empty_entries) {
  cr_assert(put_first("/l/libgamelan.so", ":/l/libgamelan.so: x.so:") == "/l/libgamelan.so:x.so");
}

Test(preload_list, replaces_another_build) {
  cr_assert(put_first("/new/libgamelan.so", "/old/libgamelan.so:libgamelan.so:x.so") == "/new/libgamelan.so:x.so");
  cr_assert(put_first("/new/renamed.so", "/new/renamed.so") == "/new/renamed.so");
}

Test(preload_list, tells_what_it_cannot_hold) {
  cr_assert(fits_preload_list("/opt/gamelan/libgamelan.so"));
  cr_assert_not(fits_preload_list("/opt/my games/libgamelan.so"));
  cr_assert_not(fits_preload_list("/opt/a:b/libgamelan.so"));
}
