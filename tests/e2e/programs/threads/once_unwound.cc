// tests/e2e/programs/threads/once_unwound.cc: a once routine that is left by an exception, by pthread_exit or by a cancellation was not run.
#include "helpers.h"

#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

CASE(call_once_until_it_does_not_throw) {
  std::once_flag flag;
  std::mutex mutex;
  int runs = 0, caught = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; i++)
    threads.emplace_back([&] {
      try {
        std::call_once(flag, [&] {
          if (runs++ < 3) throw std::runtime_error("not yet");
        });
      } catch (const std::exception&) {
        std::lock_guard<std::mutex> guard(mutex);
        caught++;
      }
    });
  for (auto& t : threads) t.join();
  CHECK(runs == 4 && caught == 3);
}

static pthread_once_t outer, inner;
static int inner_runs;
static void run_inner() {
  if (inner_runs++ == 0) throw 5;
}
static void run_outer() { pthread_once(&inner, run_inner); }
CASE(an_exception_through_two) {
  int caught = 0;
  try {
    pthread_once(&outer, run_outer);
  } catch (int e) {
    caught = e;
  }
  CHECK(caught == 5 && outer == 0 && inner == 0);
  pthread_once(&outer, run_outer);
  CHECK(inner_runs == 2 && outer == 2 && inner == 2);
}

static pthread_once_t left;
static int left_runs;
static void exits_first() {
  if (__atomic_fetch_add(&left_runs, 1, __ATOMIC_SEQ_CST) == 0) pthread_exit(nullptr);
}
static void* runs_left(void* arg) {
  pthread_once(&left, exits_first);
  return arg;
}
CASE(pthread_exit_in_the_routine) {
  pthread_t a = start(runs_left, number(1));
  finish(a);
  CHECK(left == 0);
  pthread_t b = start(runs_left, number(2));
  CHECK(finish(b) == number(2) && left_runs == 2 && left == 2);
}

static pthread_once_t cancelled;
static int cancelled_runs;
static void waits_first() {
  if (__atomic_fetch_add(&cancelled_runs, 1, __ATOMIC_SEQ_CST) == 0) pause();
}
static void* runs_cancelled(void* arg) {
  pthread_once(&cancelled, waits_first);
  return arg;
}
CASE(a_cancellation_lets_the_next_one_run_it) {
  pthread_t a = start(runs_cancelled, nullptr);
  while (!__atomic_load_n(&cancelled_runs, __ATOMIC_SEQ_CST)) sched_yield();
  pthread_t b = start(runs_cancelled, number(2));
  usleep(10000);   // it waits by now
  CHECK(pthread_cancel(a) == 0);
  CHECK(finish(a) == PTHREAD_CANCELED && finish(b) == number(2));
  CHECK(cancelled_runs == 2 && cancelled == 2);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
