// tests/e2e/programs/thread_ends.cc: threads that end in every way, with heap calls where threads end, a case each.
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "pattern.h"

static std::atomic<int> destroyed;

static pthread_t start(void* (*body)(void*), void* arg = nullptr) {
  pthread_t t;
  pthread_create(&t, nullptr, body, arg);
  return t;
}
static void* finish(pthread_t t) {
  void* result = nullptr;
  pthread_join(t, &result);
  return result;
}

static pthread_key_t key;
static void tsd_destructor(void* value) {
  free(value);
  void* again = malloc(333);
  memset(again, 1, 333);
  free(again);
  // Three rounds of destructors, each with a new value: the last ones run after everything else of the thread.
  if (++destroyed % 4) pthread_setspecific(key, malloc(50));
}
CASE(tsd_destructors_use_the_heap) {
  destroyed = 0;
  pthread_key_create(&key, tsd_destructor);
  for (int i = 0; i < 50; i++) {
    finish(start([](void*) -> void* {
      pthread_setspecific(key, malloc(77));
      return nullptr;
    }));
  }
  CHECK(destroyed == 200);
}

struct Local {
  std::string text = std::string(100, 'x');
  std::vector<int> numbers = std::vector<int>(1000, 1);
  ~Local() {
    auto p = std::make_unique<std::string>(500, 'y');
    destroyed += p->size() == 500 && text.size() == 100;
  }
};
static thread_local Local local;
CASE(tls_destructors_use_the_heap) {
  destroyed = 0;
  for (int i = 0; i < 50; i++) std::thread([] { local.text[0] = 'z'; }).join();
  CHECK(destroyed == 50);
}

struct Leaver {
  char* p = static_cast<char*>(malloc(1000));
  ~Leaver() {
    free(p);
    destroyed++;
  }
};
CASE(pthread_exit_unwinds) {
  destroyed = 0;
  for (int i = 0; i < 50; i++) {
    CHECK(finish(start([](void*) -> void* {
            Leaver leaver;
            pthread_exit(reinterpret_cast<void*>(5));
          })) == reinterpret_cast<void*>(5));
  }
  CHECK(destroyed == 50);
}

CASE(cancelled_in_a_read) {
  destroyed = 0;
  int link[2];
  CHECK(pipe(link) == 0);
  for (int i = 0; i < 50; i++) {
    pthread_t t = start(
        [](void* fd) -> void* {
          Leaver leaver;
          char c;
          for (;;)
            if (read(static_cast<int>(reinterpret_cast<intptr_t>(fd)), &c, 1) < 0) return nullptr;
        },
        reinterpret_cast<void*>(static_cast<intptr_t>(link[0])));
    pthread_cancel(t);
    CHECK(finish(t) == PTHREAD_CANCELED);
  }
  CHECK(destroyed <= 50);
  close(link[0]);
  close(link[1]);
}

CASE(detached_threads_leave_nothing_broken) {
  static sem_t done;
  sem_init(&done, 0, 0);
  pthread_attr_t attr;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, 64 * 1024);
  for (int i = 0; i < 200; i++) {
    pthread_t t;
    CHECK(pthread_create(&t, &attr, [](void*) -> void* {
            for (int n = 1; n < 3000; n += 50) free(malloc(static_cast<size_t>(n)));
            sem_post(&done);
            return nullptr;
          }, nullptr) == 0);
  }
  for (int i = 0; i < 200; i++) sem_wait(&done);
}

CASE(memory_of_an_ended_thread_stays) {
  std::vector<char*> all;
  for (int i = 0; i < 100; i++) {
    char* p = static_cast<char*>(finish(start([](void*) -> void* {
      void* mine = malloc(700);
      pattern_fill(mine, 700, 3);
      return mine;
    })));
    all.push_back(p);
  }
  for (char* p : all) {
    CHECK(pattern_holds(p, 700, 700, 3));
    p = static_cast<char*>(realloc(p, 5000));
    CHECK(pattern_holds(p, 700, 700, 3));
    free(p);
  }
}

CASE(threads_on_stacks_of_ours) {
  for (int i = 0; i < 20; i++) {
    void* stack = nullptr;
    CHECK(posix_memalign(&stack, 4096, 256 * 1024) == 0);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    CHECK(pthread_attr_setstack(&attr, stack, 256 * 1024) == 0);
    pthread_t t;
    CHECK(pthread_create(&t, &attr, [](void*) -> void* { return malloc(10); }, nullptr) == 0);
    free(finish(t));
    free(stack);
  }
}

CASE(producer_and_consumer) {
  enum { kItems = 200000, kRing = 1024 };
  static std::atomic<char*> ring[kRing];
  std::thread producer([] {
    for (size_t i = 0; i < kItems; i++) {
      char* p = static_cast<char*>(malloc(16 + i % 200));
      pattern_fill(p, 16, i);
      char* none = nullptr;
      while (!ring[i % kRing].compare_exchange_weak(none, p)) none = nullptr, sched_yield();
    }
  });
  int wrong = 0;
  for (size_t i = 0; i < kItems; i++) {
    char* p;
    while (!(p = ring[i % kRing].exchange(nullptr))) sched_yield();
    wrong += !pattern_holds(p, 16, 16, i);
    free(p);
  }
  producer.join();
  CHECK(wrong == 0);
}

CASE(many_threads_at_once) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 300; i++) {
    threads.emplace_back([&good, i] {
      std::vector<std::string> words;
      for (int k = 0; k < 300; k++) words.push_back(std::string(static_cast<size_t>((i * k) % 500), 'a'));
      good += words.size() == 300;
    });
  }
  for (auto& t : threads) t.join();
  CHECK(good == 300);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
