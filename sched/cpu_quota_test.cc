#include "sched/cpu_quota.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

using namespace gamelan;
namespace fs = std::filesystem;

namespace {
unsigned parse(std::string_view line) { return cpu_quota::parse(line.data(), line.size()); }

// A tree of cgroups.
struct Cgroups {
  fs::path root;
  Cgroups() {
    char name[] = "/tmp/cpu_quota_test-" "XX" "XX" "XX";
    root = mkdtemp(name);
  }
  ~Cgroups() { fs::remove_all(root); }
  void put(const std::string& path, const char* text) {
    fs::create_directories((root / path).parent_path());
    std::ofstream(root / path) << text;
  }
  unsigned find() { return cpu_quota::find((root / "self").c_str(), (root / "fs").c_str()); }
};
}  // namespace

Test(cpu_quota, rounds_up_and_is_at_least_one) {
  cr_assert_eq(parse("200000 100000"), 2u);
  cr_assert_eq(parse("150000 100000"), 2u);
  cr_assert_eq(parse("1000 100000"), 1u);
  cr_assert_eq(parse("0 100000"), 1u);
  cr_assert_eq(parse("100000 100000"), 1u);
}

Test(cpu_quota, none_where_there_is_none) {
  for (const char* line : {"max 100000", "", "200000", "200000 ", "200000 0", "x 1"}) cr_assert_eq(parse(line), cpu_quota::kNone, "%s", line);
}

Test(cpu_quota, least_of_the_groups_above) {
  Cgroups c;
  cr_assert_eq(c.find(), cpu_quota::kNone);
  c.put("self", "2:cpu:/old\n0::/a/b\n");
  cr_assert_eq(c.find(), cpu_quota::kNone);
  c.put("fs/a/b/cpu.max", "400000 100000\n");
  cr_assert_eq(c.find(), 4u);
  c.put("fs/a/cpu.max", "250000 100000\n");
  cr_assert_eq(c.find(), 3u);
  c.put("fs/cpu.max", "max 100000\n");
  cr_assert_eq(c.find(), 3u);
  c.put("self", "0::/\n");
  cr_assert_eq(c.find(), cpu_quota::kNone);
  c.put("fs/cpu.max", "100000 100000\n");
  cr_assert_eq(c.find(), 1u);
}
