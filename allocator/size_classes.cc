// allocator/size_classes.cc: the table, made and checked by the compiler.
#include "allocator/size_classes.h"

namespace gamelan {

constinit const SizeClassTable kSizeTable = make_size_classes();

namespace {
constexpr SizeClassTable t = make_size_classes();
static_assert(t.info[kSizeClasses - 1].size == kMaxSmall);
static_assert(t.of_byte[0] == 1 && t.of_byte[16] == 1 && t.of_byte[17] == 2);
static_assert(t.info[t.of_byte[kMaxMapped]].size == kMaxMapped);
static_assert(t.info[t.of_128[sizeof t.of_128 - 1]].size == kMaxSmall);

constexpr bool every_class_is_sound() {
  for (unsigned c = 1; c < kSizeClasses; c++) {
    if (t.info[c].size % 16 || t.info[c].objects < 8 || t.info[c].objects > 4096) return false;
    if (c > 1 && t.info[c].size <= t.info[c - 1].size) return false;
  }
  return true;
}
static_assert(every_class_is_sound());
}  // namespace

}  // namespace gamelan
