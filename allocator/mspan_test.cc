#include "allocator/mspan.h"

#include <criterion/criterion.h>
#include <stddef.h>

#include <algorithm>
#include <list>
#include <vector>

#include "tests/unit/support.h"

using namespace gamelan;
using test::Random;

namespace {
constexpr uintptr_t kBase = 0x1234'5670'0000;  // made up: nothing is mapped there

void make_small(MSpan* s, SizeClass k) {
  const SizeClassInfo& info = kSizeTable.info[k];
  s->base = kBase;
  s->npages = info.pages;
  s->size_class = k;
  s->elem_size = info.size;
  s->nelems = static_cast<uint16_t>(info.objects);
  s->state = SpanState::partial;
}

// In the words of the definition: the object that holds offset `i`, if any.
size_t index_of(const MSpan& s, uint64_t offset) {
  const size_t i = offset / s.elem_size;
  return i < s.nelems ? i : MSpan::kNotAnObject;
}
}  // namespace

Test(mspan, finds_the_object_of_every_byte_of_every_class) {
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    MSpan s{};
    make_small(&s, k);
    for (uint64_t offset = 0; offset < s.bytes(); offset++) {
      const size_t want = index_of(s, offset);
      if (s.index_inside(kBase + offset) != want) cr_assert_fail("inside: class %u, offset %lu", k, offset);
      if (s.index_exact(kBase + offset) != (offset % s.elem_size ? MSpan::kNotAnObject : want))
        cr_assert_fail("exact: class %u, offset %lu", k, offset);
    }
  }
}

Test(mspan, an_address_outside_is_no_object_of_it) {
  Random random(1);
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    MSpan s{};
    make_small(&s, k);
    auto none = [&](uintptr_t p) {
      cr_assert_eq(s.index_exact(p), MSpan::kNotAnObject, "class %u, %lx", k, p);
      cr_assert_eq(s.index_inside(p), MSpan::kNotAnObject, "class %u, %lx", k, p);
    };
    for (uint64_t d = 1; d < 2000; d++) {
      none(kBase - d);
      none(s.end() + d - 1);
    }
    for (uint64_t i = 1; i < 1000; i++) {
      none(kBase - i * s.elem_size);
      none(s.end() + i * s.elem_size);
    }
    for (int i = 0; i < 20'000; i++) {
      const uintptr_t p = random.next();
      if (p < kBase || p >= s.end()) none(p);
    }
    for (uintptr_t p : {uintptr_t{0}, uintptr_t{1}, ~uintptr_t{0}, uintptr_t{1} << 63, kBase + (uintptr_t{1} << 32)}) none(p);
  }
}

Test(mspan, a_large_span_is_one_object) {
  MSpan s{};
  s.base = kBase;
  s.npages = 20;
  s.nelems = 1;
  s.state = SpanState::large;
  cr_assert_eq(s.index_exact(kBase), 0u);
  cr_assert_eq(s.index_exact(kBase + 16), MSpan::kNotAnObject);
  for (uintptr_t p = kBase; p < s.end(); p += 1000) cr_assert_eq(s.index_inside(p), 0u);
  cr_assert_eq(s.index_inside(kBase - 1), MSpan::kNotAnObject);
  cr_assert_eq(s.index_inside(s.end()), MSpan::kNotAnObject);
}

Test(mspan, what_others_read_and_write_lies_on_other_lines_than_the_holders) {
  for (size_t read_by_all : {offsetof(MSpan, base), offsetof(MSpan, size_class), offsetof(MSpan, nelems), offsetof(MSpan, cache)})
    cr_assert_eq(read_by_all / 64, 0u);
  for (size_t holders : {offsetof(MSpan, free), offsetof(MSpan, credit), offsetof(MSpan, sentinel), offsetof(MSpan, start), offsetof(MSpan, magic)})
    cr_assert_eq(holders / 64, 1u);
  cr_assert_eq(offsetof(MSpan, remote) / 64, 2u);
  cr_assert_eq(alignof(MSpan), 64u);
}

Test(mspan, an_empty_list_ends_in_a_sentinel_that_is_not_marked_free) {
  MSpan s{};
  s.set_free_list_empty();
  cr_assert(s.is_empty_list());
  cr_assert_eq(s.free, &s.sentinel);
  cr_assert_eq(s.sentinel.next, &s.sentinel);
  // malloc subtracts the mark from it each time it finds the list empty.
  for (int i = 0; i < 1'000'000; i++) {
    cr_assert_neq(s.sentinel.mark, kFreeMark);
    s.sentinel.mark -= kFreeMark;
  }
}

Test(span_list, keeps_order_over_random_pushes_and_removals) {
  Random random(2);
  std::vector<MSpan> spans(40);
  std::list<MSpan*> model;
  SpanList list;
  for (int i = 0; i < 20'000; i++) {
    MSpan* s = &spans[random.below(spans.size())];
    const auto at = std::find(model.begin(), model.end(), s);
    if (random.once_in(5)) {
      MSpan* want = model.empty() ? nullptr : model.front();
      cr_assert_eq(list.pop_front(), want);
      if (want) model.pop_front();
    } else if (at == model.end()) {
      list.push_back(s);
      model.push_back(s);
    } else {
      list.remove(s);
      model.erase(at);
      cr_assert(!s->next && !s->prev);
    }
    cr_assert_eq(list.is_empty(), model.empty());
    const MSpan* walk = list.first();
    const MSpan* before = nullptr;
    for (const MSpan* want : model) {
      cr_assert_eq(walk, want);
      cr_assert_eq(walk->prev, before);
      before = walk;
      walk = walk->next;
    }
    cr_assert_null(walk);
  }
}

Test(remote_word, packs_head_count_and_flag_without_mixing_them) {
  for (uintptr_t head : {uintptr_t{0}, uintptr_t{16}, uintptr_t{0x7fff'ffff'fff0}, uintptr_t{0x1800'0000'0000}})
    for (uint64_t count : {0u, 1u, 64u, 4096u, 0x7fffu})
      for (bool queued : {false, true}) {
        const RemoteWord w(reinterpret_cast<FreeObject*>(head), count, queued);
        const RemoteWord back(w.word());
        cr_assert_eq(reinterpret_cast<uintptr_t>(back.head()), head);
        cr_assert_eq(back.count(), count);
        cr_assert_eq(back.queued(), queued);
        cr_assert_eq(RemoteWord(w.word() & ~RemoteWord::kQueued).word(),
                     RemoteWord(reinterpret_cast<FreeObject*>(head), count, false).word());
      }
  cr_assert_null(RemoteWord(0).head());
}

Test(remote_word, counts_every_object_of_the_fullest_span) {
  for (SizeClass k = 1; k < kSizeClasses; k++) {
    const uint64_t n = kSizeTable.info[k].objects;
    cr_assert_eq(RemoteWord(nullptr, n, true).count(), n);
  }
}
