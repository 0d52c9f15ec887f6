// tests/e2e/programs/threads/exceptions.cc: exceptions thrown, caught and carried while threads give way and block.
#include <unistd.h>

#include <exception>
#include <memory>
#include <mutex>
#include <condition_variable>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "helpers.h"

static int link_fd[2];

// Blocks one of several ways, inside whatever handler called it.
static void give_way(int i) {
  char c = 'x';
  switch (i % 4) {
    case 0: sched_yield(); break;
    case 1: usleep(100); break;
    case 2:
      MUST(write(link_fd[1], &c, 1) == 1);
      MUST(read(link_fd[0], &c, 1) == 1);
      break;
    case 3: {
      std::mutex m;
      std::unique_lock lock(m);
      std::condition_variable().wait_for(lock, std::chrono::microseconds(100));
    }
  }
}

struct Unwound {
  int* count;
  int way;
  ~Unwound() {
    give_way(way);  // while the exception is on its way
    ++*count;
  }
};

static void throw_from_deep(int depth, int me, int* unwound) {
  Unwound u{unwound, me + depth};
  if (depth == 0) throw std::runtime_error(std::to_string(me));
  throw_from_deep(depth - 1, me, unwound);
}

static void* throws_and_catches(void* arg) {
  const int me = static_cast<int>(number_of(arg));
  for (int i = 0; i < 10; i++) {
    int unwound = 0;
    try {
      throw_from_deep(5, me, &unwound);
      CHECK(false);
    } catch (const std::runtime_error& outer) {
      CHECK(unwound == 6);
      give_way(me + i);
      try {  // a second one inside the handler of the first
        throw std::logic_error("inner " + std::to_string(me));
      } catch (const std::logic_error& inner) {
        give_way(me + i + 1);
        CHECK(inner.what() == "inner " + std::to_string(me));
      }
      give_way(me + i + 2);
      CHECK(outer.what() == std::to_string(me));
      CHECK(std::current_exception() != nullptr && std::uncaught_exceptions() == 0);
    }
    CHECK(std::current_exception() == nullptr);
  }
  return nullptr;
}
CASE(thrown_across_blocking) {
  MUST(pipe(link_fd) == 0);
  in_threads(20, throws_and_catches);
}

CASE(carried_to_another_thread) {
  std::vector<std::exception_ptr> carried(20);
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; i++) {
    threads.emplace_back([&carried, i] {
      try {
        throw i;
      } catch (...) {
        std::this_thread::yield();
        carried[static_cast<size_t>(i)] = std::current_exception();
      }
    });
  }
  for (auto& t : threads) t.join();
  int sum = 0;
  for (auto& e : carried) {
    try {
      std::rethrow_exception(e);
    } catch (int i) {
      sum += i;
    }
  }
  CHECK(sum == 190);
}

CASE(uncaught_in_a_thread_terminates) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    std::set_terminate([] { _exit(55); });
    std::thread([] { throw 1; }).join();
    _exit(0);
  }
  CHECK(ended_with(pid) == 55);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
