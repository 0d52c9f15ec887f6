#include "sched/mode.h"

#include <criterion/criterion.h>
#include <elf.h>

#include <string_view>

using namespace gamelan;
using sched::Decision;
using sched::Objections;

namespace {
rules::Found rule;
Objections against;
bool asked_rule, asked_machine;

Decision judge(ThreadsMode wanted) {
  asked_rule = asked_machine = false;
  return sched::judge(
      wanted, +[]() -> const rules::Found& { return asked_rule = true, rule; },
      +[] { return asked_machine = true, against; });
}

bool says(const Decision& d, bool goroutine, std::string_view reason) { return d.goroutine == goroutine && reason == d.reason; }
}  // namespace

Test(mode, an_explicit_wish_beats_rules_and_what_is_unwise) {
  rule = {rules::Verdict::native, "a rule"};
  against = {nullptr, "unwise"};
  cr_assert(says(judge(ThreadsMode::goroutine), true, "GAMELAN_THREADS=goroutine") && !asked_rule);
  cr_assert(says(judge(ThreadsMode::native), false, "GAMELAN_THREADS=native") && !asked_rule && !asked_machine);
}

Test(mode, what_is_impossible_beats_everything) {
  rule = {rules::Verdict::goroutine, "a rule"};
  against = {"impossible", nullptr};
  cr_assert(says(judge(ThreadsMode::goroutine), false, "impossible"));
  cr_assert(says(judge(ThreadsMode::automatic), false, "impossible"));
}

Test(mode, auto_asks_rules_then_the_machine) {
  rule = {};
  against = {};
  cr_assert(says(judge(ThreadsMode::automatic), true, "nothing speaks against it"));
  against = {nullptr, "unwise"};
  cr_assert(says(judge(ThreadsMode::automatic), false, "unwise"));
  rule = {rules::Verdict::native, "a rule"};
  cr_assert(says(judge(ThreadsMode::automatic), false, "a rule") && !asked_machine);
}

Test(mode, build_ids_are_read_behind_other_notes) {
  struct {
    Elf64_Nhdr other{4, 16, NT_GNU_ABI_TAG};
    char other_name[4] = {'G', 'N', 'U'};
    char other_bytes[16] = {};
    Elf64_Nhdr id{4, 3, NT_GNU_BUILD_ID};
    char name[4] = {'G', 'N', 'U'};
    unsigned char bytes[4] = {0x0a, 0xff, 0x10};
  } notes;
  char hex[41];
  cr_assert(sched::build_id_of(&notes, sizeof notes, hex));
  cr_assert_str_eq(hex, "0aff10");
  cr_assert_not(sched::build_id_of(&notes, sizeof notes - 8, hex));
  cr_assert_not(sched::build_id_of(&notes, 0, hex));
}

Test(mode, programs_of_go_are_known_by_a_note) {
  struct {
    Elf64_Nhdr other{4, 16, NT_GNU_ABI_TAG};
    char other_name[4] = {'G', 'N', 'U'};
    char other_bytes[16] = {};
    Elf64_Nhdr go{4, 3, 4};
    char name[4] = {'G', 'o'};
    char bytes[4] = {};
  } notes;
  cr_assert(sched::has_note_of_go(&notes, sizeof notes));
  cr_assert_not(sched::has_note_of_go(&notes, sizeof notes - sizeof notes.go - 8));
  cr_assert_not(sched::has_note_of_go(&notes, 0));
}
