#include "preload/cli/settings.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

Test(settings, has_the_rows_with_their_defaults) {
  bool has_stats = false;
  for (const Setting& setting : all_settings()) {
    cr_assert_not(setting.name.empty() || setting.sentence.empty());
    if (setting.type == SettingType::kChoice)
      cr_assert_eq(choices_of(setting).size(), static_cast<size_t>(setting.max) + 1, "row %s", setting.name.data());
    has_stats |= setting.name == "stats" && setting.default_text == "0";
  }
  cr_assert(has_stats);
}

Test(settings, accepts_what_the_rows_accept) {
  for (const char* good : {"stats=json", "strict=1", "log_path=/tmp/x.%p", "log_path=", "path=bitmap"})
    cr_assert_not(complaint_about(good).has_value(), "%s", good);
}

Test(settings, names_what_is_wrong_and_what_is_accepted) {
  cr_assert(complaint_about("stats=7") == "stats=7: want 0, 1, text or json");
  cr_assert(complaint_about("strict=2") == "strict=2: want a whole number from 0 to 1");
  cr_assert(complaint_about("strict=") == "strict=: want a whole number from 0 to 1");
  cr_assert(complaint_about("stats") == "stats: want key=value");
  cr_assert(complaint_about("nonsense=1")->starts_with("nonsense=1: no such option; known are path, "));
}

Test(settings, refuses_what_the_list_cannot_hold) {
  cr_assert(complaint_about("log_path=/a:b").has_value());
  cr_assert(complaint_about("log_path=" + std::string(256, 'x')).has_value());
}
