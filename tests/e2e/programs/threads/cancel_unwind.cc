// tests/e2e/programs/threads/cancel_unwind.cc: pthread_cancel and pthread_exit unwind C++: destructors, catch (...)
// that rethrows.
#include <cxxabi.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

#include "helpers.h"

static std::string order;
static std::atomic<int> started;

struct Named {
  char name;
  ~Named() {
    sched_yield();
    order += name;
  }
};

static void handler(void* letter) { order += static_cast<char>(number_of(letter)); }

static void block_or_leave(void* how) {
  Named innermost{'x'};
  started++;
  if (how) pthread_exit(how);
  for (;;) sleep(100);
}
static void* has_objects(void* how) {
  Named outer{'o'};
  pthread_cleanup_push(handler, number('h'));
  Named inner{'i'};
  try {
    block_or_leave(how);
  } catch (abi::__forced_unwind&) {
    order += 'c';
    throw;
  }
  pthread_cleanup_pop(0);
  return nullptr;
}

static void* run(void* how) {
  order.clear();
  started = 0;
  pthread_t t = start(has_objects, how);
  while (!started) sched_yield();
  if (!how) pthread_cancel(t);
  return finish(t);
}
CASE(cancel) {
  for (int i = 0; i < 20; i++) {
    CHECK(run(nullptr) == PTHREAD_CANCELED);
    CHECK(order == "xciho");
  }
}
CASE(leaving_by_pthread_exit) {
  for (int i = 0; i < 20; i++) {
    CHECK(run(number(8)) == number(8));
    CHECK(order == "xciho");
  }
}

// catch (...) sees it go by; what it holds is let go.
static std::mutex mutex;
static std::condition_variable cond;
static void* waits_with_a_lock(void*) {
  try {
    std::unique_lock lock(mutex);
    started++;
    for (;;) cond.wait(lock);
  } catch (...) {
    order += '*';
    throw;
  }
}
CASE(a_lock_is_let_go) {
  order.clear();
  started = 0;
  pthread_t t = start(waits_with_a_lock, nullptr);
  while (!started) sched_yield();
  pthread_cancel(t);
  CHECK(finish(t) == PTHREAD_CANCELED);
  CHECK(order == "*");
  CHECK(mutex.try_lock());
  mutex.unlock();
}

// A destructor on the way out may throw and catch, block and start threads.
struct Busy {
  ~Busy() {
    try {
      throw std::string("own");
    } catch (const std::string& s) {
      usleep(500);
      order += s;
    }
    finish(start(
        [](void*) -> void* {
          order += '+';
          return nullptr;
        },
        nullptr));
  }
};
static void* has_a_busy_one(void*) {
  Busy busy;
  pthread_exit(number(4));
}
CASE(busy_destructors) {
  order.clear();
  CHECK(finish(start(has_a_busy_one, nullptr)) == number(4));
  CHECK(order == "own+");
}

// Main's own objects, when main leaves by pthread_exit.
CASE(in_main) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    struct Last {
      ~Last() { _exit(66); }
    } last;
    pthread_exit(nullptr);
  }
  CHECK(ended_with(pid) == 66);
}

// catch (...) that does not rethrow: glibc ends the process.
static void* swallows(void*) {
  try {
    pthread_exit(nullptr);
  } catch (...) {}
  return nullptr;
}
CASE(swallowed) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    fclose(stderr);
    finish(start(swallows, nullptr));
    _exit(0);
  }
  CHECK(ended_with(pid) == 1000 + SIGABRT);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
