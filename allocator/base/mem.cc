// allocator/base/mem.cc: `rep` string moves above a few cache lines, 16-byte vectors below.
#include "allocator/base/mem.h"

#include <emmintrin.h>
#include <stdint.h>

namespace gamelan::mem {

namespace {
// From here on `rep stosb`'s start-up (about 30 cycles with ERMS) is paid back.
constexpr size_t kRepFrom = 512;
}  // namespace

void zero(void* p, size_t n) {
  auto* b = static_cast<char*>(p);
  if (n >= kRepFrom) {
    __asm__ volatile("rep stosb" : "+D"(b), "+c"(n) : "a"(0) : "memory");
    return;
  }
  const __m128i z = _mm_setzero_si128();
  while (n >= 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(b), z);
    b += 16;
    n -= 16;
  }
  while (n--) {
    *b++ = 0;
    __asm__ volatile("" ::: "memory");  // keeps the compiler from calling memset
  }
}

void copy(void* to, const void* from, size_t n) {
  auto* d = static_cast<char*>(to);
  auto* s = static_cast<const char*>(from);
  if (n >= kRepFrom) {
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
    return;
  }
  while (n >= 16) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(d), _mm_loadu_si128(reinterpret_cast<const __m128i*>(s)));
    d += 16;
    s += 16;
    n -= 16;
  }
  while (n--) {
    *d++ = *s++;
    __asm__ volatile("" ::: "memory");  // keeps the compiler from calling memcpy
  }
}

void move(void* to, const void* from, size_t n) {
  auto* d = static_cast<char*>(to);
  auto* s = static_cast<const char*>(from);
  if (d <= s) {
    for (size_t i = 0; i < n; i++) {
      d[i] = s[i];
      __asm__ volatile("" ::: "memory");
    }
    return;
  }
  for (size_t i = n; i-- > 0;) {
    d[i] = s[i];
    __asm__ volatile("" ::: "memory");
  }
}

bool equal(const void* a, const void* b, size_t n) {
  auto* x = static_cast<const char*>(a);
  auto* y = static_cast<const char*>(b);
  for (size_t i = 0; i < n; i++)
    if (x[i] != y[i]) return false;
  return true;
}

bool same_text(const char* a, const char* b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

}  // namespace gamelan::mem
