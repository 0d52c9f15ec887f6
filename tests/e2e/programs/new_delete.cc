// tests/e2e/programs/new_delete.cc: [new.delete] of C++20, a case each.
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "check.h"

static volatile size_t kHuge = std::numeric_limits<ptrdiff_t>::max() - 1000;
static bool aligned_to(void* p, size_t align) { return (reinterpret_cast<uintptr_t>(p) & (align - 1)) == 0; }

template <class E, class F>
static bool throws(F f) {
  try {
    f();
  } catch (const E&) {
    return true;
  } catch (...) {
  }
  return false;
}

CASE(too_much_throws_bad_alloc) {
  CHECK(throws<std::bad_alloc>([] { (void)::operator new(kHuge); }));
  CHECK(throws<std::bad_alloc>([] { (void)::operator new[](kHuge); }));
  CHECK(throws<std::bad_alloc>([] { (void)::operator new(kHuge, std::align_val_t{64}); }));
  CHECK(throws<std::bad_alloc>([] { (void)::operator new[](kHuge, std::align_val_t{4096}); }));
  CHECK(throws<std::bad_alloc>([] { std::vector<char> v(kHuge); }));
  CHECK(throws<std::length_error>([] { std::string s(kHuge + 2000, 'x'); }) ||
        throws<std::bad_alloc>([] { std::string s(kHuge, 'x'); }));
}

CASE(nothrow_returns_null) {
  CHECK(::operator new(kHuge, std::nothrow) == nullptr);
  CHECK(::operator new[](kHuge, std::nothrow) == nullptr);
  CHECK(::operator new(kHuge, std::align_val_t{64}, std::nothrow) == nullptr);
  CHECK(::operator new[](kHuge, std::align_val_t{64}, std::nothrow) == nullptr);
}

CASE(array_length_overflow) {
  CHECK(throws<std::bad_array_new_length>([] { delete[] new uint64_t[kHuge]; }));
}

static int handler_calls;
static void give_up_at_third() {
  if (++handler_calls == 3) std::set_new_handler(nullptr);
}
CASE(new_handler_is_asked_until_it_gives_up) {
  handler_calls = 0;
  std::set_new_handler(give_up_at_third);
  CHECK(throws<std::bad_alloc>([] { (void)::operator new(kHuge); }));
  CHECK(handler_calls == 3);
  handler_calls = 0;
  std::set_new_handler(give_up_at_third);
  CHECK(::operator new(kHuge, std::nothrow) == nullptr);
  CHECK(handler_calls == 3);
  CHECK(std::get_new_handler() == nullptr);
}

struct Own {};
static void throw_own() { throw Own{}; }
static void throw_bad() { throw std::bad_alloc{}; }
CASE(new_handler_may_throw) {
  std::set_new_handler(throw_own);
  CHECK(throws<Own>([] { (void)::operator new(kHuge); }));
  std::set_new_handler(throw_bad);
  CHECK(throws<std::bad_alloc>([] { (void)::operator new[](kHuge, std::align_val_t{128}); }));
  CHECK(::operator new(kHuge, std::nothrow) == nullptr);
  std::set_new_handler(nullptr);
}

CASE(new_of_nothing_is_unique) {
  void *a = ::operator new(0), *b = ::operator new[](0);
  CHECK(a && b && a != b);
  ::operator delete(a);
  ::operator delete[](b);
}

CASE(every_form_pairs) {
  for (size_t n = 1; n < 3000000; n = n * 2 + 5) {
    ::operator delete(::operator new(n));
    ::operator delete(::operator new(n), n);
    ::operator delete[](::operator new[](n));
    ::operator delete[](::operator new[](n), n);
    ::operator delete(::operator new(n, std::nothrow), std::nothrow);
    ::operator delete[](::operator new[](n, std::nothrow), std::nothrow);
    for (size_t align = 16; align <= 65536; align *= 8) {
      const auto a = static_cast<std::align_val_t>(align);
      void *p = ::operator new(n, a), *q = ::operator new[](n, a, std::nothrow);
      CHECK(aligned_to(p, align) && aligned_to(q, align));
      ::operator delete(p, n, a);
      ::operator delete[](q, a, std::nothrow);
      ::operator delete[](::operator new[](n, a), n, a);
      ::operator delete(::operator new(n, a, std::nothrow), a);
    }
  }
  ::operator delete(nullptr);
  ::operator delete[](nullptr);
  ::operator delete(nullptr, std::align_val_t{64});
}

struct alignas(256) Wide {
  char data[300];
};
CASE(overaligned_types) {
  std::vector<std::unique_ptr<Wide>> all;
  for (int i = 0; i < 500; i++) {
    all.push_back(std::make_unique<Wide>());
    CHECK(aligned_to(all.back().get(), 256));
  }
  std::unique_ptr<Wide[]> array(new Wide[100]);
  CHECK(aligned_to(array.get(), 256));
}

struct Counted {
  static inline int alive = 0;
  Counted() {
    if (alive == 50) throw Own{};
    alive++;
  }
  ~Counted() { alive--; }
  std::string text = std::string(40, 'x');
};
CASE(constructor_that_throws_frees) {
  CHECK(throws<Own>([] { delete[] new Counted[100]; }));
  CHECK(Counted::alive == 0);
}

CASE(malloc_and_new_are_one_heap) {   // not allowed, but much done
  free(::operator new(100));
  ::operator delete(malloc(100));
}

int main(int argc, char** argv) { return check_main(argc, argv); }
