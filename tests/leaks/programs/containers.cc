// tests/leaks/programs/containers.cc: what C++ programs lose and keep.
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "leaks.h"

struct leak_case* all_cases;

namespace {
struct Base {
  virtual ~Base() = default;
  long b = 1;
};
struct Other {
  virtual ~Other() = default;
  long o = 2;
};
struct Both : Base, Other {
  long pad[20] = {};
};
struct Named {
  std::string name = std::string(40, 'n');
  ~Named() {}
};
struct Owner {
  std::shared_ptr<Owner> other;
  char pad[60];
};
std::vector<std::unique_ptr<Named>> kept;
std::unordered_map<int, std::string> table;
thread_local std::vector<int> numbers;
}  // namespace
void *second_base, *array;

extern "C" {
APART void leak_new() { seen(new Both); }
APART void leak_array() { seen(new Named[5]); }
APART void leak_vector() { seen(new std::vector<std::string>(20, std::string(50, 'x'))); }
APART void leak_map() {
  auto* m = new std::map<int, std::string>;
  for (int i = 0; i < 20; i++) (*m)[i] = std::string(40, 'v');
  seen(m);
}
APART void leak_shared_ring() {
  auto a = std::make_shared<Owner>(), b = std::make_shared<Owner>();
  a->other = b;
  b->other = a;
}
APART void leak_caught() {
  try {
    throw seen(new Both);
  } catch (void* p) {
    seen(p);
  }
}
APART void keep_by_second_base() { second_base = static_cast<Other*>(new Both); }
APART void keep_by_array() { array = new Named[3]; }
APART void keep_in_containers() {
  for (int i = 0; i < 50; i++) kept.push_back(std::make_unique<Named>());
  for (int i = 0; i < 50; i++) table[i] = std::string(60, 't');
}
APART void keep_in_thread_local() { numbers.assign(1000, 1); }
}

CASE(object) { leak_new(); }
CASE(array_with_cookie) { leak_array(); }
CASE(vector_of_strings) { leak_vector(); }
CASE(map_of_strings) { leak_map(); }
CASE(shared_ptr_ring) { leak_shared_ring(); }
CASE(thrown_pointer) { leak_caught(); }
CASE(pointer_to_second_base) { keep_by_second_base(); }
CASE(pointer_behind_cookie) { keep_by_array(); }
CASE(containers) { keep_in_containers(); }
CASE(thread_locals) {
  keep_in_thread_local();
  std::thread([] { keep_in_thread_local(); }).join();
}

int main(int argc, char** argv) { return leaks_main(argc, argv); }
