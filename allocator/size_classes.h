// allocator/size_classes.h: which sizes share a span.
//
// Owns     constexpr tables, no state.
// Layout   16-byte steps to 256, 32 to 512, 64 to 1 KiB: at most 11 % is lost inside an object of 145 bytes or more.
//          Then four classes per doubling to 32 KiB. Every size is a multiple of 16; so is every object's address.
// Spans    64 KiB to 8 KiB objects, 128 or 256 KiB for larger ones, so that one span holds 8 objects or more; all are aligned
//          to 64 KiB: free() finds a span by the 64 KiB block that an address lies in (own_spans.h).
// Go       sizeclasses.go (68 classes, 8 KiB pages).  Differs: Go's 8-byte class and 8 KiB spans. malloc owes 16-byte
//          alignment, and memory that is carved page by page makes a large span no dearer than a small one.
#pragma once
#include "allocator/base/words.h"

namespace gamelan {

using SizeClass = uint8_t;  // 0 is "an object with a span of its own"

inline constexpr Bytes kMaxMapped = 1024;        // malloc looks the class up by byte
inline constexpr Bytes kMaxSmall = 32 * KiB;     // above: a span of its own
inline constexpr Bytes kBlock = 64 * KiB;        // the aligned unit of small spans
inline constexpr Pages kBlockPages = kBlock >> kPageShift;
inline constexpr unsigned kSizeClasses = 53;

struct SizeClassInfo {
  uint32_t size;      // bytes per object
  uint32_t pages;     // per span
  uint32_t objects;   // per span
  uint64_t magic;     // 2^64 / size, a little more: see below
};

// With `offset * magic` (of 64 bits), for offsets within a span: the product's upper half in 128 bits is the quotient, and
// its lower half is below kCreditUnit for a multiple of the size, and 2^49 or more for everything else.
// magic is odd, and large enough and no larger, so that free() needs no other test that an address is in the span at all:
// for no address that is 4 GiB or a multiple away (own_spans.h tells why others need no test), up to 2^47 on either side,
// is the product below any credit. size_classes_test.cc tries them all. Three classes need the next odd number.
inline constexpr uint64_t kCreditUnit = uint64_t{1} << 20;
constexpr uint64_t magic_of(uint32_t size) {
  const uint64_t least = (~uint64_t{0} / size + 1) | 1;
  return size == 320 || size == 832 || size == 5120 ? least + 2 : least;
}

struct SizeClassTable {
  SizeClassInfo info[kSizeClasses];
  uint8_t of_byte[kMaxMapped + 8];              // class of n bytes, n <= kMaxMapped
  uint8_t of_128[(kMaxSmall - kMaxMapped) / 128 + 1];  // class of n bytes above, by (n - kMaxMapped + 127) / 128
};

constexpr SizeClassTable make_size_classes() {
  SizeClassTable t{};
  unsigned c = 1;
  auto add = [&](uint32_t size) {
    const uint32_t bytes = size <= 8192 ? 64 * 1024 : size <= 16384 ? 128 * 1024 : 256 * 1024;
    t.info[c++] = {size, static_cast<uint32_t>(bytes >> kPageShift), bytes / size, magic_of(size)};
  };
  for (uint32_t s = 16; s <= 256; s += 16) add(s);
  for (uint32_t s = 288; s <= 512; s += 32) add(s);
  for (uint32_t s = 576; s <= 1024; s += 64) add(s);
  for (uint32_t base = 1024; base < 32 * 1024; base *= 2)
    for (uint32_t q = 1; q <= 4; q++) add(base + base / 4 * q);
  unsigned k = 1;
  for (uint32_t n = 0; n <= kMaxMapped; n++) {
    while (t.info[k].size < n) k++;
    t.of_byte[n] = static_cast<uint8_t>(k);
  }
  for (uint32_t i = 0; i < sizeof t.of_128; i++) {
    while (t.info[k].size < kMaxMapped + i * 128) k++;
    t.of_128[i] = static_cast<uint8_t>(k);
  }
  return t;
}

extern const SizeClassTable kSizeTable;  // in size_classes.cc, which also asserts it

// The class for n bytes, n <= kMaxSmall.
inline SizeClass size_class_of(Bytes n) {
  return n <= kMaxMapped ? kSizeTable.of_byte[n] : kSizeTable.of_128[(n - kMaxMapped + 127) / 128];
}

}  // namespace gamelan
