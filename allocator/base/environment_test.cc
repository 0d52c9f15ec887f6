#include "allocator/base/environment.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "tests/unit/probe.h"

using namespace gamelan;
using test::probe;

Test(environment, names_the_program_without_its_folder) { cr_assert(probe({}).has("program=settings_probe")); }

Test(environment, finds_a_variable_by_its_whole_name) {
  const auto p = probe({"PROBEX=no", "XPROBE=no", "PROBE=yes=indeed", "PROBE=second"});
  cr_assert(p.has("PROBE=yes=indeed"));
  cr_assert(p.has("PROB=(none)"));
  cr_assert(probe({"PROBE="}).has("PROBE="));
}

Test(environment, reads_the_auxiliary_vector_behind_any_environment) {
  for (const auto& p : {probe({}), probe({"A=b"}), probe({"A=b", "C=d", "EMPTY="})}) {
    cr_assert(p.has("page_size=" + std::to_string(sysconf(_SC_PAGESIZE))));
    cr_assert(p.has("absent_aux=0"));
  }
}

Test(environment, before_find_there_is_nothing) {
  cr_assert_null(environment::get("PATH"));
  cr_assert_str_eq(environment::program_name(), "");
  cr_assert_eq(environment::aux(6), 0u);
}
