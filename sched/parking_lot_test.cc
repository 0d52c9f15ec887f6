// sched/parking_lot_test.cc: waits, wakes and moves, by native threads: they sleep in the kernel, in the same queues.
#include "sched/parking_lot.h"

#include <criterion/criterion.h>

#include <atomic>
#include <thread>
#include <vector>

#include "allocator/base/syscall.h"
#include "tests/unit/support.h"

using namespace gamelan;
using parking_lot::Wait;

namespace {
uint32_t word, other_word;

bool always(void*) { return true; }
bool is_held(const void*) { return true; }
bool is_free(const void*) { return false; }

// A thread that waits as `w` says, and what became of it.
class Waiter {
 public:
  explicit Waiter(const Wait& w)
      : thread_([this, w] {
          g_ = self();
          how_ = parking_lot::wait_if(w, always, [](void* flag) { static_cast<std::atomic<bool>*>(flag)->store(true); }, &queued_);
          is_back_ = true;
        }) {
    while (!queued_) std::this_thread::yield();
  }
  Wake result() {
    if (thread_.joinable()) thread_.join();
    return how_;
  }
  bool is_back() const { return is_back_; }
  G* g() const { return g_; }

 private:
  std::atomic<bool> queued_{false}, is_back_{false};
  std::atomic<Wake> how_{Wake::none};
  std::atomic<G*> g_{nullptr};
  std::thread thread_;
};

Nanos in(Nanos span) { return sys::monotonic_now() + span; }
}  // namespace

Test(parking_lot, another_value_does_not_wait) {
  word = 1;
  cr_assert_eq(parking_lot::wait({.address = &word}, 2), Wake::value_changed);
}

Test(parking_lot, a_time_out_is_never_early) {
  for (Nanos span : {Nanos{0}, kMilli, 20 * kMilli}) {
    const Nanos deadline = in(span);
    cr_assert_eq(parking_lot::wait({.address = &word, .deadline = deadline}, word), Wake::timed_out);
    cr_assert_geq(sys::monotonic_now(), deadline);
  }
  cr_assert_eq(parking_lot::wake(&word, 1), 0);
}

Test(parking_lot, wakes_the_first_and_as_many_as_asked) {
  Waiter first({.address = &word}), second({.address = &word}), third({.address = &word});
  cr_assert_eq(parking_lot::wake(&other_word, 9), 0);
  cr_assert_eq(parking_lot::wake(&word, 1), 1);
  cr_assert_eq(first.result(), Wake::woken);
  cr_assert_not(second.is_back() || third.is_back());
  cr_assert_eq(parking_lot::wake(&word, 9), 2);
  cr_assert_eq(second.result(), Wake::woken);
  cr_assert_eq(third.result(), Wake::woken);
}

Test(parking_lot, bits_choose) {
  Waiter even({.address = &word, .bits = 2}), odd({.address = &word, .bits = 1});
  cr_assert_eq(parking_lot::wake(&word, 9, 4), 0);
  cr_assert_eq(parking_lot::wake(&word, 9, 5), 1);
  cr_assert_eq(odd.result(), Wake::woken);
  cr_assert_eq(parking_lot::wake(&word, 9), 1);
  cr_assert_eq(even.result(), Wake::woken);
}

Test(parking_lot, wake_one_tells_whether_others_wait) {
  Wake told = Wake::none;
  const auto tell = [](void* to, Wake how) { *static_cast<Wake*>(to) = how; };
  Waiter first({.address = &word}), second({.address = &word});
  parking_lot::wake_one(&word, tell, &told);
  cr_assert_eq(told, Wake::woken_more);
  cr_assert_eq(first.result(), Wake::woken_more);
  parking_lot::wake_one(&word, tell, &told);
  cr_assert_eq(told, Wake::woken);
  cr_assert_eq(second.result(), Wake::woken);
  parking_lot::wake_one(&word, tell, &told);
  cr_assert_eq(told, Wake::none);
}

Test(parking_lot, the_urgent_one_stands_first_and_is_handed_over_to) {
  Wake told = Wake::none;
  const auto tell = [](void* to, Wake how) { *static_cast<Wake*>(to) = how; };
  Waiter patient({.address = &word}), urgent({.address = &word, .urgent = true});
  parking_lot::wake_one(&word, tell, &told);
  cr_assert_eq(told, Wake::handed_over);
  cr_assert_eq(urgent.result(), Wake::handed_over);
  parking_lot::wake_one(&word, tell, &told);
  cr_assert_eq(patient.result(), Wake::woken);
}

Test(parking_lot, requeue_wakes_some_and_moves_some) {
  Waiter a({.address = &word}), b({.address = &word}), c({.address = &word});
  const uint32_t wrong = word + 1;
  cr_assert_eq(parking_lot::requeue(&word, &other_word, 1, 1, &wrong), -1);
  cr_assert_eq(parking_lot::requeue(&word, &other_word, 1, 1, &word), 2);
  cr_assert_eq(a.result(), Wake::woken);
  cr_assert_eq(parking_lot::wake(&other_word, 9), 1);
  cr_assert_eq(b.result(), Wake::woken);
  cr_assert_eq(parking_lot::requeue(&word, &word, 0, 9), 1);  // to itself: it stays
  cr_assert_eq(parking_lot::wake(&word, 9), 1);
  cr_assert_eq(c.result(), Wake::woken);
}

Test(parking_lot, a_moved_wait_that_times_out) {
  Waiter by_requeue({.address = &word, .deadline = in(50 * kMilli)});
  parking_lot::requeue(&word, &other_word, 0, 9);
  cr_assert_eq(by_requeue.result(), Wake::timed_out);
  // A broadcast has used its wake-up on it: it may not be lost.
  Waiter by_broadcast({.address = &word, .deadline = in(50 * kMilli), .then = &other_word});
  parking_lot::wake_or_move(&word, is_held);
  cr_assert_eq(by_broadcast.result(), Wake::woken);
  cr_assert_eq(parking_lot::wake(&other_word, 9), 0);
}

Test(parking_lot, a_broadcast_moves_to_what_is_held) {
  Waiter a({.address = &word, .then = &other_word}), b({.address = &word, .then = &other_word}), without({.address = &word});
  parking_lot::wake_or_move(&word, is_held);
  cr_assert_eq(without.result(), Wake::woken);
  cr_assert_not(a.is_back() || b.is_back());
  cr_assert_eq(parking_lot::wake(&other_word, 9), 2);
  cr_assert_eq(a.result(), Wake::woken);
  cr_assert_eq(b.result(), Wake::woken);
}

Test(parking_lot, a_broadcast_wakes_one_for_what_is_free) {
  Waiter a({.address = &word, .then = &other_word}), b({.address = &word, .then = &other_word});
  parking_lot::wake_or_move(&word, is_free);
  cr_assert_eq(a.result(), Wake::woken_more);
  cr_assert_not(b.is_back());
  cr_assert_eq(parking_lot::wake(&other_word, 9), 1);
  cr_assert_eq(b.result(), Wake::woken);
}

Test(parking_lot, interrupts_end_every_wait_and_requests_the_cancellable) {
  Waiter plain({.address = &word}), cancellable({.address = &word, .cancellable = true});
  cr_assert_not(parking_lot::interrupt_to_cancel(plain.g()));
  cr_assert(parking_lot::interrupt_to_cancel(cancellable.g()));
  cr_assert_eq(cancellable.result(), Wake::interrupted);
  cr_assert(parking_lot::interrupt(plain.g()));
  cr_assert_eq(plain.result(), Wake::interrupted);
  cr_assert_eq(parking_lot::wake(&word, 9), 0);
}

// Tokens are posted, taken by waits that time out and by waits that move: none is lost, none is made.
Test(parking_lot, wakes_against_time_outs, .timeout = 60) {
  constexpr unsigned kThreads = 8;
  constexpr int kTokens = 20000;
  static std::atomic<uint32_t> tokens{0}, taken{0};
  test::in_threads(kThreads, [](unsigned id) {
    test::Random random(id);
    if (id % 2) {
      for (int i = 0; i < kTokens; i++) {
        tokens++;
        parking_lot::wake(&tokens, 1);
      }
      return;
    }
    for (int i = 0; i < kTokens; i++) {
      for (uint32_t n = tokens;;) {
        if (n && tokens.compare_exchange_weak(n, n - 1)) break;
        if (n) continue;
        const Nanos deadline = random.once_in(2) ? parking_lot::kForever : in(static_cast<Nanos>(random.below(100'000)));
        parking_lot::wait({.address = &tokens, .deadline = deadline}, 0);
        n = tokens;
      }
      taken++;
    }
  });
  cr_assert_eq(tokens, 0);
  cr_assert_eq(taken, kThreads / 2 * kTokens);
}

// Waiters on few addresses, moved about all the time, until each has been woken as often as it wants.
Test(parking_lot, moves_against_wakes_and_time_outs, .timeout = 60) {
  static uint32_t words[3];
  static std::atomic<int> left{4};
  test::in_threads(7, [](unsigned id) {
    test::Random random(id);
    if (id < 4) {
      for (int i = 0; i < 3000; i++)
        parking_lot::wait({.address = &words[random.below(3)], .deadline = in(static_cast<Nanos>(random.below(1'000'000)))}, 0);
      left--;
      return;
    }
    while (left) {
      parking_lot::requeue(&words[random.below(3)], &words[random.below(3)], static_cast<int>(random.below(2)), 2);
      if (random.once_in(4)) parking_lot::wake(&words[random.below(3)], 1);
    }
  });
  for (uint32_t& w : words) cr_assert_eq(parking_lot::wake(&w, 9), 0);
}
