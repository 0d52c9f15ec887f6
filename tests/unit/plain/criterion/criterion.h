// tests/unit/plain/criterion/criterion.h: as much of Criterion's interface as the pure parts' tests use.
//
// Why      under ThreadSanitizer Criterion cannot start: its sandbox maps memory where the sanitizer allows none. Found
//          before Criterion's own header in that build only; each test is a fork, failures and --tap look the same.
#pragma once
#include <stdio.h>
#include <string.h>

namespace plain {

struct TestOptions {
  int timeout = 60;  // seconds
};

struct TestCase {
  const char* suite;
  const char* name;
  void (*body)();
  TestOptions options;
  TestCase* next;
  TestCase(const char* suite, const char* name, void (*body)(), TestOptions options);
};

[[noreturn]] void fail();

template <class... Message>
[[noreturn]] void failed(const char* file, int line, const char* what, Message... message) {
  fprintf(stderr, "[----] %s:%d: %s\n", file, line, what);
  if constexpr (sizeof...(message)) {
    fprintf(stderr, message...);
    fputc('\n', stderr);
  }
  fail();
}

}  // namespace plain

#define Test(suite, name, ...)                                                                                     \
  static void suite##_##name();                                                                                    \
  static plain::TestCase suite##_##name##_case(#suite, #name, suite##_##name, plain::TestOptions{__VA_ARGS__}); \
  static void suite##_##name()

#define cr_assert(cond, ...)                                                         \
  do {                                                                               \
    if (!(cond)) plain::failed(__FILE__, __LINE__, #cond __VA_OPT__(, ) __VA_ARGS__); \
  } while (0)
#define cr_assert_not(cond, ...) cr_assert(!(cond) __VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b)__VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b)__VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b)__VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b)__VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b)__VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b)__VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_null(p, ...) cr_assert((p) == nullptr __VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_not_null(p, ...) cr_assert((p) != nullptr __VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) cr_assert(!strcmp(a, b) __VA_OPT__(, ) __VA_ARGS__)
#define cr_assert_fail(...) plain::failed(__FILE__, __LINE__, "failed" __VA_OPT__(, ) __VA_ARGS__)
