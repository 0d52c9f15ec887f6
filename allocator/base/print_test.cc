#include "allocator/base/print.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include <string>

#include "tests/unit/support.h"

using namespace gamelan;
using test::Random;

namespace {
std::string said(Line& line) { return {line.data(), line.size()}; }
}  // namespace

Test(line, writes_decimal_numbers_as_printf_does) {
  Random random(1);
  for (int i = 0; i < 20'000; i++) {
    const uint64_t n = random.next() >> random.below(64);
    char want[64];
    snprintf(want, sizeof want, "%llu %lld", static_cast<unsigned long long>(n), static_cast<long long>(n));
    Line line;
    line.dec(n).text(" ").signed_dec(static_cast<int64_t>(n));
    cr_assert_str_eq(line.c_str(), want);
  }
}

Test(line, writes_the_ends_of_the_number_range) {
  Line line;
  line.dec(0).text(" ").dec(UINT64_MAX).text(" ").signed_dec(INT64_MIN).text(" ").signed_dec(INT64_MAX);
  cr_assert_str_eq(line.c_str(), "0 18446744073709551615 -9223372036854775808 9223372036854775807");
}

Test(line, writes_hexadecimal_with_0x_and_no_leading_zeros) {
  Line line;
  line.hex(0).text(" ").hex(0xdeadbeef).text(" ").hex(UINT64_MAX);
  cr_assert_str_eq(line.c_str(), "0x0 0xdeadbeef 0xffffffffffffffff");
}

Test(line, writes_thousandths_with_three_places) {
  Line line;
  line.fixed(0).text(" ").fixed(7).text(" ").fixed(42).text(" ").fixed(999).text(" ").fixed(1000).text(" ").fixed(1234567);
  cr_assert_str_eq(line.c_str(), "0.000 0.007 0.042 0.999 1.000 1234.567");
}

Test(line, prefix_names_the_process) {
  Line line;
  line.prefix().text("x");
  cr_assert_eq(said(line), "gamelan[" + std::to_string(getpid()) + "]: x");
}

Test(line, takes_a_counted_text_and_no_more) {
  Line line;
  line.text("abcdef", 3).text("", 0).text("g");
  cr_assert_eq(said(line), "abcg");
}

Test(line, cuts_what_does_not_fit_in_1000_bytes) {
  Line line;
  std::string all;
  for (int i = 0; i < 400; i++) {
    line.dec(static_cast<uint64_t>(i)).text(",");
    all += std::to_string(i) + ",";
  }
  cr_assert_eq(line.size(), 1000u);
  cr_assert_eq(said(line), all.substr(0, 1000));
  cr_assert_eq(std::string(line.c_str()).size(), 1000u);
  line.text("more").hex(1).fixed(1);
  cr_assert_eq(said(line), all.substr(0, 1000));
}

Test(line, clear_makes_it_empty) {
  Line line;
  line.text("abc").clear();
  cr_assert_eq(line.size(), 0u);
  cr_assert_str_eq(line.c_str(), "");
  line.text("d");
  cr_assert_str_eq(line.c_str(), "d");
}
