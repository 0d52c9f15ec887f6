#include "preload/cli/bench/contender.h"

#include <criterion/criterion.h>

using namespace gamelan::cli::bench;

namespace {

std::vector<Contender> parsed(const char* list) {
  const auto contenders = parse_contenders(list);
  cr_assert(bool(contenders), "%s is refused", list);
  return *contenders;
}

}  // namespace

Test(contender, names_stand_between_commas) {
  const auto all = parsed("jemalloc,glibc,mimalloc,tcmalloc");
  cr_assert_eq(all.size(), 4);
  cr_assert(all[3].name == "tcmalloc" && all[3].library.empty() &&
            find_known(all[3])->package == "libtcmalloc-minimal4");
}

Test(contender, a_path_makes_a_name_of_ones_own) {
  const auto all = parsed("new=/opt/a:b/libx.so,glibc");
  cr_assert_eq(all.size(), 2);
  cr_assert(all[0].name == "new" && all[0].library == "/opt/a:b/libx.so" && find_known(all[0]) == nullptr);
}

Test(contender, a_value_keeps_its_commas_and_colons) {
  const auto all = parsed("jemalloc:MALLOC_CONF=narenas:1,dirty_decay_ms:0,glibc");
  cr_assert_eq(all.size(), 2);
  cr_assert(all[0].variables.at("MALLOC_CONF") == "narenas:1,dirty_decay_ms:0");
  cr_assert(all[0].name == "jemalloc:MALLOC_CONF=narenas:1,dirty_decay_ms:0" && find_known(all[0])->name == "jemalloc");
}

Test(contender, takes_several_variables) {
  const auto all = parsed("x=./x.so:A=1:B_2=/p:q");
  cr_assert(all[0].library == "./x.so" && all[0].variables.size() == 2);
  cr_assert(all[0].variables.at("A") == "1" && all[0].variables.at("B_2") == "/p:q");
}

Test(contender, refuses_what_is_neither) {
  for (const char* list : {"", "hoard", "jemalloc,", "glibc,x", "x=nopath", "=/a.so"})
    cr_assert_not(bool(parse_contenders(list)), "'%s' is taken", list);
}
