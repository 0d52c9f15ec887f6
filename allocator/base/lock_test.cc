#include "allocator/base/lock.h"

#include <criterion/criterion.h>
#include <time.h>
#include <unistd.h>

#include <thread>

#include "tests/unit/death.h"
#include "tests/unit/support.h"

using namespace gamelan;
using test::end_of;

namespace {
Lock low{LockRank::mcache}, same{LockRank::mcache}, middle{LockRank::mcentral}, high{LockRank::mheap};

int64_t cpu_of_this_thread() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}
}  // namespace

Test(lock, lets_one_thread_in_at_a_time, .timeout = 10) {
  long count = 0;
  int inside = 0;
  bool alone = true;
  test::in_threads(4, [&](unsigned) {
    for (int i = 0; i < 50'000; i++) {
      Guard g(low);
      alone = alone && ++inside == 1;
      count++;
      inside--;
    }
  });
  cr_assert(alone);
  cr_assert_eq(count, 4 * 50'000);
  cr_assert_not(low.is_held());
}

Test(lock, try_lock_refuses_what_is_held_and_takes_what_is_free) {
  cr_assert(low.try_lock());
  cr_assert(low.is_held());
  cr_assert_not(low.try_lock());
  bool other_got_it = true;
  std::thread([&] { other_got_it = low.try_lock(); }).join();
  cr_assert_not(other_got_it);
  low.unlock();
  cr_assert_not(low.is_held());
  cr_assert(low.try_lock());
  low.unlock();
}

Test(lock, a_waiter_sleeps_and_is_woken, .timeout = 10) {
  low.lock();
  int64_t cpu = -1;
  bool got_it = false;
  std::thread waiter([&] {
    const int64_t before = cpu_of_this_thread();
    low.lock();
    got_it = true;
    low.unlock();
    cpu = cpu_of_this_thread() - before;
  });
  usleep(200'000);
  cr_assert_not(got_it);
  low.unlock();
  waiter.join();
  cr_assert(got_it);
  cr_assert_lt(cpu, 100'000'000, "the waiter spun for %ld ns", static_cast<long>(cpu));
}

Test(lock, wakes_every_waiter_in_the_end, .timeout = 10) {
  int passed = 0;
  low.lock();
  std::thread release([] {
    usleep(50'000);
    low.unlock();
  });
  test::in_threads(8, [&](unsigned) {
    Guard g(low);
    passed++;
  });
  release.join();
  cr_assert_eq(passed, 8);
}

Test(lock, reset_in_child_frees_it_whoever_held_it) {
  std::thread([] { low.lock(); }).join();
  cr_assert(low.is_held());
  low.reset_in_child();
  cr_assert(low.try_lock());
  low.unlock();
}

Test(lock_rank, stops_a_thread_that_goes_back) {
  cr_assert(end_of([] {
    high.lock();
    low.lock();
  }).aborted_saying("locks taken against their rank"));
}

Test(lock_rank, lets_go_forward_and_among_equals) {
  cr_assert_eq(end_of([] {
    Guard a(low), b(same), c(middle), d(high);
  }).signal, 0);
}

Test(lock_rank, counts_what_is_held_now_only) {
  cr_assert_eq(end_of([] {
    high.lock();
    high.unlock();
    low.lock();
    // Out of order on the way out is no fault.
    high.lock();
    low.unlock();
    high.unlock();
    low.lock();
    low.unlock();
  }).signal, 0);
}

Test(lock_rank, allows_try_lock_against_the_order) {
  cr_assert_eq(end_of([] {
    Guard g(high);
    if (low.try_lock()) low.unlock();
  }).signal, 0);
}

Test(lock_rank, a_tried_lock_does_not_hide_those_above_it) {
  cr_assert(end_of([] {
    high.lock();
    (void)low.try_lock();
    middle.lock();
  }).aborted_saying("locks taken against their rank"));
}

Test(lock_rank, is_each_threads_own) {
  cr_assert_eq(end_of([] {
    Guard g(high);
    std::thread([] { Guard h(low); }).join();
  }).signal, 0);
}
