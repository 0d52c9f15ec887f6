// tests/e2e/programs/threads/tls_destructors.cc: thread_local objects: made on first use, destroyed before TSD
// destructors run.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "helpers.h"

static std::atomic<int> made, destroyed;

struct Counted {
  std::string text = "made by " + std::to_string(++made);
  ~Counted() {
    sched_yield();  // may give way like anybody
    destroyed += text.starts_with("made by ");
  }
};
static thread_local Counted counted;
static thread_local std::vector<int> numbers{1, 2, 3};

CASE(made_on_first_use_destroyed_at_the_end) {
  made = destroyed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; i++) {
    threads.emplace_back([i] {
      if (i % 2) return;
      const std::string mine = counted.text;
      numbers.push_back(i);
      std::this_thread::yield();
      CHECK(counted.text == mine && numbers.size() == 4 && numbers.back() == i);
    });
  }
  for (auto& t : threads) t.join();
  CHECK(made == 50 && destroyed == 50);
}

// The order of a thread's end, written down: thread_locals in reverse, then keys.
static std::string order;
struct Named {
  char name;
  ~Named() { order += name; }
};
static thread_local Named first{'a'}, second{'b'};
static pthread_key_t key;

static void* touches_all(void*) {
  pthread_setspecific(key, number('k'));
  order += first.name;
  order += second.name;
  return nullptr;
}
CASE(thread_locals_go_before_keys) {
  order.clear();
  pthread_key_create(&key, [](void* value) { order += static_cast<char>(number_of(value)); });
  finish(start(touches_all, nullptr));
  CHECK(order == "abbak");
  pthread_key_delete(key);
}

// A destructor that first uses another thread_local makes it, and that one is destroyed as well.
struct Late {
  int n = 5;
  ~Late() { order += 'L'; }
};
static Late& late() {
  static thread_local Late it;
  return it;
}
struct Early {
  ~Early() { order += late().n == 5 ? 'E' : '?'; }
};
CASE(made_while_others_are_destroyed) {
  order.clear();
  std::thread([] {
    static thread_local Early it;
    (void)&it;
  }).join();
  CHECK(order == "EL");
}

// And a key's destructor may use a thread_local again.
CASE(thread_local_in_a_key_destructor) {
  made = destroyed = 0;
  pthread_key_create(&key, [](void*) { CHECK(counted.text == "made by 1"); });
  finish(start(
      [](void*) -> void* {
        pthread_setspecific(key, number(1));
        return nullptr;
      },
      nullptr));
  CHECK(made == 1);
  pthread_key_delete(key);
}

CASE(destroyed_on_pthread_exit) {
  made = destroyed = 0;
  for (int i = 0; i < 20; i++) {
    finish(start(
        [](void*) -> void* {
          CHECK(!counted.text.empty());
          pthread_exit(nullptr);
        },
        nullptr));
  }
  CHECK(made == 20 && destroyed == 20);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
