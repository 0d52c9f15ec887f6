#include "allocator/base/options.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "tests/unit/death.h"
#include "tests/unit/probe.h"

using namespace gamelan;
using test::end_of;
using test::Probe;
using test::probe;

namespace {
// How many items were refused, and what was said about them.
std::string said_about(const char* text, int* refused) {
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  const auto end = end_of([&] {
    Options o;
    const int n = options_parse(o, text, true);
    (void)!write(ends[1], &n, sizeof n);
  });
  cr_assert_eq(read(ends[0], refused, sizeof *refused), static_cast<ssize_t>(sizeof *refused));
  close(ends[0]);
  close(ends[1]);
  return end.words;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }
}  // namespace

Test(options, a_choice_is_stored_as_its_index) {
  Options o;
  cr_assert_eq(options_parse(o, "path=bitmap:stats=json:thp=never:zone=hint", false), 0);
  cr_assert_eq(static_cast<PathOption>(o.path), PathOption::bitmap);
  cr_assert_eq(static_cast<StatsOption>(o.stats), StatsOption::json);
  cr_assert_eq(static_cast<ThpOption>(o.thp), ThpOption::never);
  cr_assert_eq(static_cast<ZoneOption>(o.zone), ZoneOption::hint);
  cr_assert_eq(options_parse(o, "path=auto:stats=0:thp=always:zone=reserve", false), 0);
  cr_assert_eq(o.path, 0u);
  cr_assert_eq(o.stats, 0u);
  cr_assert_eq(static_cast<ThpOption>(o.thp), ThpOption::always);
  cr_assert_eq(static_cast<ZoneOption>(o.zone), ZoneOption::reserve);
}

Test(options, every_choice_of_every_row_is_taken_and_nothing_else) {
  struct { const char* name; const char* choices; } rows[] = {
#define OPTION_ENUM(name, dflt, choices, max, unit, sentence) {#name, choices},
#define OPTION_NUM(name, dflt, min, max, unit, sentence)
#define OPTION_TEXT(name, dflt, min, max, unit, sentence)
#include "allocator/base/options.inc"
#undef OPTION_ENUM
#undef OPTION_NUM
#undef OPTION_TEXT
  };
  for (const auto& row : rows) {
    const std::string name = row.name, choices = row.choices;
    for (size_t start = 0; start <= choices.size();) {
      const size_t end = std::min(choices.find('|', start), choices.size());
      const std::string choice = choices.substr(start, end - start);
      Options o;
      cr_assert_eq(options_parse(o, (name + "=" + choice).c_str(), false), 0, "%s=%s", row.name, choice.c_str());
      cr_assert_eq(options_parse(o, (name + "=" + choice + "x").c_str(), false), 1);
      start = end + 1;
    }
    Options o;
    for (const char* wrong : {"=", "", "=|", "=banana"}) cr_assert_eq(options_parse(o, (name + wrong).c_str(), false), 1);
    cr_assert_eq(options_parse(o, (name + "=" + choices).c_str(), false), 1);
  }
}

Test(options, every_number_row_takes_its_range_and_nothing_else) {
  struct { const char* name; uint64_t least, most; } rows[] = {
#define OPTION_ENUM(name, dflt, choices, max, unit, sentence)
#define OPTION_NUM(name, dflt, min, max, unit, sentence) {#name, min, max},
#define OPTION_TEXT(name, dflt, min, max, unit, sentence)
#include "allocator/base/options.inc"
#undef OPTION_ENUM
#undef OPTION_NUM
#undef OPTION_TEXT
  };
  auto refused = [](const char* name, const std::string& value) {
    Options o;
    return options_parse(o, (std::string(name) + "=" + value).c_str(), false);
  };
  for (const auto& row : rows) {
    cr_assert_eq(refused(row.name, std::to_string(row.least)), 0);
    cr_assert_eq(refused(row.name, std::to_string(row.most)), 0);
    cr_assert_eq(refused(row.name, std::to_string(row.most + 1)), 1);
    if (row.least) cr_assert_eq(refused(row.name, std::to_string(row.least - 1)), 1);
    for (const char* wrong : {"", "-1", "+1", " 1", "1 ", "0x1", "1k", "ten", "99999999999999999999"})
      cr_assert_eq(refused(row.name, wrong), 1, "%s=%s", row.name, wrong);
  }
}

Test(options, a_text_of_255_bytes_fits_and_one_more_does_not) {
  Options o;
  const std::string fits(255, 'x');
  cr_assert_eq(options_parse(o, ("log_path=" + fits).c_str(), false), 0);
  cr_assert_str_eq(o.log_path, fits.c_str());
  cr_assert_eq(options_parse(o, ("log_path=" + fits + "x").c_str(), false), 1);
  cr_assert_str_eq(o.log_path, fits.c_str());
  cr_assert_eq(options_parse(o, "log_path=/a=b", false), 0);
  cr_assert_str_eq(o.log_path, "/a=b");
  cr_assert_eq(options_parse(o, "log_path=", false), 0);
  cr_assert_str_eq(o.log_path, "");
}

Test(options, the_last_of_two_wins_and_empty_items_are_nothing) {
  Options o;
  cr_assert_eq(options_parse(o, "::verify=3::verify=7:", false), 0);
  cr_assert_eq(o.verify, 7u);
  cr_assert_eq(options_parse(o, "", false), 0);
  cr_assert_eq(options_parse(o, ":", false), 0);
}

Test(options, a_refused_item_leaves_the_others_and_its_own_default) {
  Options o;
  cr_assert_eq(options_parse(o, "verify=x:scavenge_delay=9:path=trees:stats=1:wings=2", false), 3);
  cr_assert_eq(o.verify, 0u);
  cr_assert_eq(o.scavenge_delay, 9u);
  cr_assert_eq(o.path, 0u);
  cr_assert_eq(o.stats, 1u);
}

Test(options, a_refusal_names_the_item_and_what_is_accepted) {
  int refused = 0;
  std::string words = said_about("path=trees", &refused);
  cr_assert_eq(refused, 1);
  cr_assert(contains(words, "GAMELAN_OPTIONS: path=trees: want auto|lists|bitmap; using the default\n"));
  words = said_about("scavenge_delay=9999999999", &refused);
  cr_assert(contains(words, "want a number from 0 to 3600000"));
  words = said_about(("log_path=" + std::string(300, 'x')).c_str(), &refused);
  cr_assert(contains(words, "want at most 255 bytes"));
  words = said_about("wings=2", &refused);
  cr_assert(contains(words, "wings=2: unknown option, want one of path stats log_path"));
  words = said_about("wings=2:verify=q:stats=1", &refused);
  cr_assert_eq(refused, 2);
  cr_assert_eq(std::count(words.begin(), words.end(), '\n'), 2);
}

Test(options, says_nothing_unless_asked_to) {
  cr_assert_eq(end_of([] {
    Options o;
    options_parse(o, "wings=2:path=trees", false);
  }).words, "");
}

Test(parse_size, takes_gos_units_and_the_short_ones) {
  struct { const char* text; uint64_t bytes; } rows[] = {
      {"0", 0},           {"1", 1},          {"1B", 1},          {"3KiB", 3 * KiB}, {"512MiB", 512 * MiB},
      {"2GiB", 2 * GiB},  {"1TiB", TiB},     {"7k", 7 * KiB},    {"7K", 7 * KiB},   {"7m", 7 * MiB},
      {"7M", 7 * MiB},    {"7g", 7 * GiB},   {"7G", 7 * GiB},    {"1T", TiB},       {"007", 7},
      {"16777215T", uint64_t{16777215} << 40}, {"9999999999999999999", 9999999999999999999u}};
  for (const auto& row : rows) {
    uint64_t n = 99;
    cr_assert(parse_size(row.text, &n), "%s", row.text);
    cr_assert_eq(n, row.bytes, "%s", row.text);
  }
}

Test(parse_size, refuses_what_is_no_size) {
  for (const char* text : {"", "B", "MiB", "banana", "-1", "+1", " 1", "1 ", "1 MiB", "1MB", "1mib", "1KiBs", "1.5GiB", "0x10",
                           "1kB", "16777216T", "99999999999999999999", "off"}) {
    uint64_t n = 0;
    cr_assert_not(parse_size(text, &n), "%s", text);
  }
}

Test(settings, defaults_hold_in_an_empty_environment) {
  const Probe p = probe({});
  cr_assert_eq(p.exit_code, 0);
  cr_assert_eq(p.err, "");
  cr_assert(p.has("gogc=100") && p.has("memory_limit=18446744073709551615") && p.has("gomaxprocs=0"));
  cr_assert(p.has("off=0") && p.has("threads=0") && p.has("inittrace=0") && p.has("path=0"));
}

Test(settings, gos_variables_keep_gos_meaning) {
  const Probe p = probe({"GOGC=50", "GOMEMLIMIT=256MiB", "GOMAXPROCS=3", "GODEBUG=gctrace=1,inittrace=1"});
  cr_assert_eq(p.err, "");
  cr_assert(p.has("gogc=50") && p.has("memory_limit=268435456") && p.has("gomaxprocs=3") && p.has("inittrace=1"));
  const Probe q = probe({"GOGC=off", "GOMEMLIMIT=off"});
  cr_assert_eq(q.err, "");
  cr_assert(q.has("gogc=-1") && q.has("memory_limit=18446744073709551615"));
}

Test(settings, our_names_beat_gos) {
  const Probe p = probe({"GOGC=50", "GAMELAN_GOGC=70", "GOMEMLIMIT=1GiB", "GAMELAN_GOMEMLIMIT=2G", "GAMELAN_GOMAXPROCS=9"});
  cr_assert(p.has("gogc=70") && p.has("memory_limit=2147483648") && p.has("gomaxprocs=9"));
  cr_assert(probe({"GOGC=50", "GAMELAN_GOGC="}).has("gogc=50"));
}

Test(settings, inherit_go_0_hides_gos_names_only) {
  const Probe p = probe({"GAMELAN_INHERIT_GO=0", "GOGC=50", "GOMEMLIMIT=1GiB", "GAMELAN_GOMAXPROCS=9", "GODEBUG=inittrace=1"});
  cr_assert(p.has("gogc=100") && p.has("memory_limit=18446744073709551615") && p.has("gomaxprocs=9") && p.has("inittrace=0"));
}

Test(settings, a_wrong_value_is_named_with_what_is_accepted) {
  struct { const char* setting; const char* words; const char* kept; } rows[] = {
      {"GOGC=banana", "GOGC=banana: want a number or off; using 100\n", "gogc=100"},
      {"GAMELAN_GOGC=-3", "GAMELAN_GOGC=-3: want a number or off; using 100\n", "gogc=100"},
      {"GOMEMLIMIT=1MB", "GOMEMLIMIT=1MB: want a size such as 512MiB", "memory_limit=18446744073709551615"},
      {"GOMAXPROCS=0", "GOMAXPROCS=0: want a number from 1 to 1024", "gomaxprocs=0"},
      {"GAMELAN_GC=trash", "GAMELAN_GC=trash: want off, leak or collect; using off\n", "gogc=100"},
      {"GAMELAN_THREADS=fast", "GAMELAN_THREADS=fast: want auto, goroutine or native; using auto\n", "threads=0"},
      {"GAMELAN=maybe", "GAMELAN=maybe: want on or off; using on\n", "off=0"},
      {"GAMELAN_OPTIONS=path=trees", "path=trees: want auto|lists|bitmap", "path=0"}};
  for (const auto& row : rows) {
    const Probe p = probe({row.setting});
    cr_assert_eq(p.exit_code, 0);
    cr_assert(p.has(row.kept), "%s", row.setting);
    cr_assert(contains(p.err, row.words), "%s: %s", row.setting, p.err.c_str());
    cr_assert_eq(std::count(p.err.begin(), p.err.end(), '\n'), 1, "%s", p.err.c_str());
  }
}

Test(settings, strict_ends_a_program_with_a_wrong_setting_by_2) {
  for (const char* wrong : {"GOGC=banana", "GOMEMLIMIT=x", "GOMAXPROCS=x", "GAMELAN_GC=x", "GAMELAN=x"}) {
    const Probe p = probe({"GAMELAN_OPTIONS=strict=1", wrong});
    cr_assert_eq(p.exit_code, 2, "%s", wrong);
    cr_assert_eq(p.out, "");
    cr_assert_neq(p.err, "");
  }
  cr_assert_eq(probe({"GAMELAN_OPTIONS=strict=1:wings=2"}).exit_code, 2);
  cr_assert_eq(probe({"GAMELAN_OPTIONS=strict=1", "GOGC=50"}).exit_code, 0);
}

Test(settings, gamelan_off_and_unknown_godebug_keys_are_silent) {
  const Probe p = probe({"GAMELAN=off", "GODEBUG=madvdontneed=1,inittrace=0,,x"});
  cr_assert_eq(p.err, "");
  cr_assert(p.has("off=1") && p.has("inittrace=0"));
}

Test(settings, one_line_per_process_tree) {
  char folder[] = "/tmp/gamelan-tree-XXXXXX";
  cr_assert(mkdtemp(folder));
  const std::string library = std::string(folder) + "/libgamelan.so", other = std::string(folder) + "/libother.so";
  for (const std::string& name : {library, other}) {
    const int fd = open(name.c_str(), O_CREAT | O_WRONLY, 0644);
    cr_assert_eq(write(fd, "x", 1), 1);
    close(fd);
  }
  auto lines = [&](const std::string& parent_maps) {
    const Probe p = probe({"GOGC=banana", "GAMELAN_OPTIONS=wings=2"}, {"as-parent", parent_maps});
    cr_assert_eq(p.exit_code, 0);
    cr_assert_eq(std::count(p.out.begin(), p.out.end(), '\n'), 26, "two processes printed their settings");
    return std::count(p.err.begin(), p.err.end(), '\n');
  };
  cr_assert_eq(lines(library), 2, "only the parent speaks");
  cr_assert_eq(lines(other), 4, "a parent without us said nothing");
  unlink(library.c_str());
  unlink(other.c_str());
  rmdir(folder);
}

Test(options, lists_of_names) {
  cr_assert(is_in_list("a,bc*,d", "a") && is_in_list("a,bc*,d", "bcx") && is_in_list("a,bc*,d", "bc") && is_in_list("a,bc*,d", "d"));
  cr_assert(!is_in_list("a,bc*,d", "ab") && !is_in_list("a,bc*,d", "b") && !is_in_list("", "") && !is_in_list("a,,b", "") && !is_in_list(",", "x"));
  cr_assert(is_in_list("*", "x") && is_in_list("*", ""));
}
