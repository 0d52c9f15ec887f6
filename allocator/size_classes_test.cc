#include "allocator/size_classes.h"

#include <criterion/criterion.h>

#include <initializer_list>

using namespace gamelan;

Test(size_classes, every_size_gets_the_smallest_class_that_holds_it) {
  for (Bytes n = 0; n <= kMaxSmall; n++) {
    const SizeClass k = size_class_of(n);
    cr_assert(k >= 1 && k < kSizeClasses, "%zu bytes", n);
    cr_assert_geq(kSizeTable.info[k].size, n, "%zu bytes", n);
    if (k > 1) cr_assert_lt(kSizeTable.info[k - 1].size, n, "%zu bytes", n);
  }
}

Test(size_classes, at_most_11_percent_of_an_object_to_1_KiB_is_lost_and_a_fifth_above) {
  for (Bytes n = 145; n <= kMaxSmall; n++) {
    const Bytes size = kSizeTable.info[size_class_of(n)].size;
    cr_assert_leq((size - n) * 100, size * (n <= kMaxMapped ? 11 : 20), "%zu bytes", n);
  }
}

Test(size_classes, at_most_a_sixteenth_of_a_span_is_lost_behind_its_last_object) {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    const SizeClassInfo& info = kSizeTable.info[k];
    const Bytes span = Bytes{info.pages} << kPageShift, used = Bytes{info.objects} * info.size;
    cr_assert_leq(used, span);
    cr_assert_lt(span - used, info.size, "another object of class %u would fit", k);
    cr_assert_leq((span - used) * 16, span, "class %u", k);
  }
}

Test(size_classes, sizes_are_multiples_of_16_and_grow) {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    cr_assert_eq(kSizeTable.info[k].size % 16, 0u);
    if (k > 1) cr_assert_gt(kSizeTable.info[k].size, kSizeTable.info[k - 1].size);
  }
  cr_assert_eq(kSizeTable.info[kSizeClasses - 1].size, kMaxSmall);
}

Test(size_classes, small_classes_have_block_spans_and_every_span_holds_eight) {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    const SizeClassInfo& info = kSizeTable.info[k];
    if (info.size <= 8 * KiB) cr_assert_eq(info.pages, kBlockPages);
    else cr_assert_gt(info.pages, kBlockPages);
    cr_assert(info.objects >= 8 && info.objects <= 4096);
  }
}

Test(size_classes, magic_divides_exactly_at_every_byte_of_a_span) {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    const SizeClassInfo& info = kSizeTable.info[k];
    const uint64_t bytes = uint64_t{info.pages} << kPageShift;
    for (uint64_t offset = 0; offset < bytes; offset++) {
      const uint64_t quotient = static_cast<uint64_t>(static_cast<unsigned __int128>(offset) * info.magic >> 64);
      const bool divides = offset * info.magic < info.magic;
      if (quotient != offset / info.size || divides != (offset % info.size == 0))
        cr_assert_fail("class %u, offset %lu", k, static_cast<unsigned long>(offset));
    }
  }
}

Test(size_classes, magic_is_exact_up_to_the_promised_32_bits) {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    const SizeClassInfo& info = kSizeTable.info[k];
    for (uint64_t i = 0; i < 20'000; i++) {
      const uint64_t multiple = (0xffffffff / info.size - i) * info.size;
      for (uint64_t offset : {multiple - 1, multiple, multiple + 1}) {
        const uint64_t quotient = static_cast<uint64_t>(static_cast<unsigned __int128>(offset) * info.magic >> 64);
        const bool divides = offset * info.magic < info.magic;
        if (quotient != offset / info.size || divides != (offset % info.size == 0))
          cr_assert_fail("class %u, offset %lu", k, static_cast<unsigned long>(offset));
      }
    }
  }
}

// For each byte of a span there is exactly one multiple of 4 GiB (mod 2^64), and one more for each 2^32 of the highest credit,
// that brings it below the credit: the inverse of an odd magic finds it. None may lie within 2^47.
Test(size_classes, no_address_4_gib_or_a_multiple_away_looks_like_the_start_of_an_object) {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    const SizeClassInfo& info = kSizeTable.info[k];
    const uint64_t most_credit = max_of<uint64_t>(info.objects - 1, 1023) * kCreditUnit;
    const auto low = static_cast<uint32_t>(info.magic);
    uint32_t inverse = 1;
    for (int i = 0; i < 5; i++) inverse *= 2 - low * inverse;
    cr_assert_eq(inverse * low, 1u);
    for (uint64_t offset = 0; offset < uint64_t{info.pages} << kPageShift; offset++)
      for (uint64_t high = 0; high <= most_credit >> 32; high++) {
        const uint64_t product = offset * info.magic;
        const auto away = static_cast<int32_t>((static_cast<uint32_t>(high) - static_cast<uint32_t>(product >> 32)) * inverse);
        if (away == 0 || away < -32768 || away > 32768) continue;
        if (product + (static_cast<uint64_t>(away) << 32) * info.magic < most_credit)
          cr_assert_fail("class %u, offset %lu, %d * 4 GiB", k, static_cast<unsigned long>(offset), away);
      }
  }
}

Test(size_classes, every_product_of_an_object_is_below_one_unit_of_credit) {
  for (unsigned k = 1; k < kSizeClasses; k++) {
    const SizeClassInfo& info = kSizeTable.info[k];
    cr_assert_lt(info.objects * (info.magic * info.size), kCreditUnit);
    cr_assert_gt(info.magic, max_of<uint64_t>(info.objects, 1023) * kCreditUnit);
  }
}

Test(size_classes, class_0_is_empty) {
  cr_assert_eq(kSizeTable.info[0].size, 0u);
  cr_assert_eq(kSizeTable.info[0].objects, 0u);
}
