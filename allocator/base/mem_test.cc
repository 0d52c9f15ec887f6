#include "allocator/base/mem.h"

#include <criterion/criterion.h>
#include <string.h>

#include <vector>

#include "tests/unit/support.h"

using namespace gamelan;
using test::Random;

namespace {
constexpr size_t kRoom = 9000;
constexpr size_t kBefore = 64;  // bytes in front of the range under test

std::vector<unsigned char> noise(uint64_t seed) {
  Random random(seed);
  std::vector<unsigned char> bytes(kRoom);
  for (auto& b : bytes) b = static_cast<unsigned char>(random.between(1, 255));
  return bytes;
}

// Every size to 700 (both methods and their border), then some odd large ones.
std::vector<size_t> sizes() {
  std::vector<size_t> all;
  for (size_t n = 0; n <= 700; n++) all.push_back(n);
  for (size_t n : {1023, 1024, 1025, 4095, 4096, 4097, 8191}) all.push_back(n);
  return all;
}
}  // namespace

Test(mem, zero_clears_the_range_and_nothing_beside_it) {
  const auto before = noise(1);
  for (size_t shift : {0, 1, 7, 8, 15})
    for (size_t n : sizes()) {
      auto bytes = before;
      const size_t at = kBefore + shift;
      mem::zero(bytes.data() + at, n);
      auto want = before;
      memset(want.data() + at, 0, n);
      cr_assert(bytes == want, "size %zu at shift %zu", n, shift);
    }
}

Test(mem, copy_moves_the_range_and_nothing_beside_it) {
  const auto source = noise(2), before = noise(3);
  for (size_t to : {0, 1, 9, 15})
    for (size_t from : {0, 3, 8})
      for (size_t n : sizes()) {
        auto bytes = before;
        mem::copy(bytes.data() + kBefore + to, source.data() + from, n);
        auto want = before;
        memcpy(want.data() + kBefore + to, source.data() + from, n);
        cr_assert(bytes == want, "size %zu, to %zu, from %zu", n, to, from);
      }
}

Test(mem, move_is_right_for_every_overlap) {
  const auto before = noise(4);
  for (size_t n : {0, 1, 2, 3, 15, 16, 17, 31, 32, 33, 63, 100, 511, 512, 513, 2000})
    for (int shift = -70; shift <= 70; shift++) {
      const size_t from = 100, to = static_cast<size_t>(100 + shift);
      auto bytes = before;
      mem::move(bytes.data() + to, bytes.data() + from, n);
      auto want = before;
      memmove(want.data() + to, want.data() + from, n);
      cr_assert(bytes == want, "size %zu, shift %d", n, shift);
    }
}

Test(mem, equal_sees_each_single_byte) {
  const auto a = noise(5);
  for (size_t n : {1, 2, 15, 16, 17, 100})
    for (size_t i = 0; i <= n; i++) {
      auto b = a;
      b[i] = static_cast<unsigned char>(b[i] + 1);
      cr_assert_eq(mem::equal(a.data(), b.data(), n), i == n);
    }
  cr_assert(mem::equal(a.data(), a.data() + 1, 0));
}

Test(mem, same_text_compares_whole_texts) {
  cr_assert(mem::same_text("", ""));
  cr_assert(mem::same_text("abc", "abc"));
  cr_assert_not(mem::same_text("abc", "ab"));
  cr_assert_not(mem::same_text("ab", "abc"));
  cr_assert_not(mem::same_text("abc", "abd"));
  cr_assert_not(mem::same_text("", "a"));
}
