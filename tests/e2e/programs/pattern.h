// tests/e2e/programs/pattern.h: every byte of an object says which object it belongs to.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t pattern_word(uint64_t tag, size_t i) { return (tag + i) * 0x9e3779b97f4a7c15u; }

static inline void pattern_fill(void* p, size_t n, uint64_t tag) {
  unsigned char* at = (unsigned char*)p;
  size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    uint64_t w = pattern_word(tag, i);
    memcpy(at + i, &w, 8);
  }
  for (; i < n; i++) at[i] = (unsigned char)(tag + i);
}

// 1 if the first n bytes of an object filled with `tag` when it had `whole` bytes are as they were.
static inline int pattern_holds(const void* p, size_t n, size_t whole, uint64_t tag) {
  const unsigned char* at = (const unsigned char*)p;
  size_t i = 0, words_end = whole & ~(size_t)7;
  for (; i + 8 <= n && i < words_end; i += 8) {
    uint64_t w;
    memcpy(&w, at + i, 8);
    if (w != pattern_word(tag, i)) return 0;
  }
  if (i < words_end && i < n) {
    uint64_t w = pattern_word(tag, i);
    return !memcmp(at + i, &w, n - i);
  }
  for (; i < n; i++)
    if (at[i] != (unsigned char)(tag + i)) return 0;
  return 1;
}

static inline int all_zero(const void* p, size_t n) {
  const unsigned char* at = (const unsigned char*)p;
  for (size_t i = 0; i < n; i++)
    if (at[i]) return 0;
  return 1;
}

// A small generator, one state word per thread.
static inline uint64_t random_next(uint64_t* state) {
  uint64_t x = *state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return *state = x;
}
