#include "gc/stack_depot.h"

#include <criterion/criterion.h>
#include <pthread.h>

#include "gc/frame_sizes.h"

using namespace gamelan;
using namespace gamelan::gc;

namespace gamelan::gc::frame_sizes {
Place* table = nullptr;
}

Test(stack_depot, the_same_stack_has_the_same_number) {
  cr_assert(stack_depot::make());
  const uintptr_t a[] = {10, 20, 30}, b[] = {10, 20, 31};
  const uint32_t first = stack_depot::put(a, 3);
  cr_assert(first != 0 && stack_depot::put(a, 3) == first);
  cr_assert(stack_depot::put(b, 3) != first && stack_depot::put(a, 2) != first);
  const StackRecord* r = stack_depot::get(first);
  cr_assert(r && r->depth == 3 && r->frame[0] == 10 && r->frame[2] == 30 && r->id == first);
  cr_assert(stack_depot::count() == 3);
  cr_assert(!stack_depot::get(0) && !stack_depot::get(4) && !stack_depot::put(a, 0));
}

Test(stack_depot, order_and_repetition_tell_stacks_apart) {
  cr_assert(stack_depot::make());
  const uintptr_t a[] = {1, 2}, b[] = {2, 1}, c[] = {1, 1}, d[] = {2, 2};
  const uint32_t ids[] = {stack_depot::put(a, 2), stack_depot::put(b, 2), stack_depot::put(c, 2), stack_depot::put(d, 2)};
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < i; k++) cr_assert(ids[i] != ids[k]);
}

namespace {
void* puts_many(void* ids) {
  for (uintptr_t i = 0; i < 20'000; i++) {
    const uintptr_t frames[] = {i, i * 7, 3};
    static_cast<uint32_t*>(ids)[i] = stack_depot::put(frames, 3);
  }
  return nullptr;
}
}  // namespace

Test(stack_depot, threads_agree_on_numbers) {
  cr_assert(stack_depot::make());
  static uint32_t ids[4][20'000];
  pthread_t t[4];
  for (int i = 0; i < 4; i++) pthread_create(&t[i], nullptr, puts_many, ids[i]);
  for (pthread_t one : t) pthread_join(one, nullptr);
  for (int i = 0; i < 20'000; i++) {
    cr_assert(ids[0][i] && ids[1][i] == ids[0][i] && ids[2][i] == ids[0][i] && ids[3][i] == ids[0][i]);
    cr_assert(stack_depot::get(ids[0][i])->frame[0] == static_cast<uintptr_t>(i));
  }
}

Test(frame_sizes, are_learnt_once_and_unsteady_for_good) {
  cr_assert(frame_sizes::make());
  cr_assert(frame_sizes::find(1000) == frame_sizes::kUnknown);
  frame_sizes::learn(1000, 64);
  frame_sizes::learn(1000, 64);
  frame_sizes::learn(2000, frame_sizes::kOutermost);
  cr_assert(frame_sizes::find(1000) == 64 && frame_sizes::find(2000) == frame_sizes::kOutermost);
  frame_sizes::learn(1000, 80);
  frame_sizes::learn(1000, 64);
  cr_assert(frame_sizes::find(1000) == frame_sizes::kUnsteady);
}

Test(frame_sizes, a_full_place_is_not_learnt_and_nothing_is_lost) {
  cr_assert(frame_sizes::make());
  for (uintptr_t pc = 1; pc < 300'000; pc++) frame_sizes::learn(pc * 16, 8);
  int known = 0;
  for (uintptr_t pc = 1; pc < 300'000; pc++) {
    const int32_t d = frame_sizes::find(pc * 16);
    cr_assert(d == 8 || d == frame_sizes::kUnknown);
    known += d == 8;
  }
  cr_assert(known > 100'000);
}
