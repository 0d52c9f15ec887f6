// preload/exports.cc: malloc(3) and its family, with glibc's semantics.
//
// errno    touched only on failure. realloc(p, 0) frees and returns NULL. Sizes above PTRDIFF_MAX: ENOMEM.
// Source   POSIX.1-2017 malloc, aligned_alloc (C17 7.22.3.1), posix_memalign; glibc manual 3.2.3; malloc(3).
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "allocator/base/mem.h"
#include "allocator/caller.h"
#include "allocator/malloc.h"
#include "preload/foreign.h"
#include "preload/init.h"

extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
}

using namespace gamelan;

namespace {
using Vector = long long __attribute__((vector_size(16)));
constexpr size_t kVectorsTo = 64;  // above, libc's memset; a loop took 24 ns instead of 9 for 1000 bytes

GAMELAN_COLD void* no_memory() {
  errno = ENOMEM;
  return nullptr;
}

inline void* or_enomem(void* p) { return GAMELAN_LIKELY(p != nullptr) ? p : no_memory(); }

// The slow halves are functions of their own, so that the fast ones need no stack frame.
GAMELAN_NOINLINE void* malloc_or_enomem(size_t n) {
  note_caller();
  return or_enomem(malloc_slow(n));
}

GAMELAN_NOINLINE void* calloc_any(size_t n) {
  note_caller();
  if (is_inert()) return __libc_calloc(1, n);
  return or_enomem(heap_calloc_slow(n));
}

GAMELAN_NOINLINE void* realloc_any(void* p, size_t n) {
  note_caller();
  if (GAMELAN_UNLIKELY(!HeapWindow::holds(reinterpret_cast<uintptr_t>(p)))) return or_enomem(foreign_realloc(p, n));
  return or_enomem(heap_realloc(p, n));
}

void* aligned(size_t align, size_t n) {
  if (is_inert()) return __libc_memalign(align, n);
  return or_enomem(heap_memalign(align, n));
}
}  // namespace

GAMELAN_EXPORT void* malloc(size_t n) {
  MCache* c = tls_mcache;
  if (GAMELAN_UNLIKELY(n > kMaxMapped)) return malloc_or_enomem(n);
  FreeObject* p = pop(c->span[c->class_of[n]]);
  if (GAMELAN_UNLIKELY(!p)) return malloc_or_enomem(n);
  return p;
}

GAMELAN_EXPORT void free(void* p) { heap_free(p, "free"); }

GAMELAN_EXPORT void* calloc(size_t count, size_t size) {
  size_t n;
  if (GAMELAN_UNLIKELY(__builtin_mul_overflow(count, size, &n))) return no_memory();
  MCache* c = tls_mcache;
  if (GAMELAN_UNLIKELY(n > kMaxMapped)) return calloc_any(n);
  FreeObject* p = pop(c->span[c->class_of[n]]);
  if (GAMELAN_UNLIKELY(!p)) return calloc_any(n);
  if (n > kVectorsTo) return memset(p, 0, n);
  // One to four vectors from both ends, which may be the same; one at least, so that the link and the mark go.
  auto* first = reinterpret_cast<Vector*>(p);
  auto* end = first + (n + !n + 15) / 16;
  first[0] = end[-1] = Vector{};
  if (n > 32) first[1] = end[-2] = Vector{};
  return p;
}

GAMELAN_EXPORT void* realloc(void* p, size_t n) {
  if (!p) return malloc(n);
  if (!n) {
    heap_free(p, "realloc");
    return nullptr;
  }
  if (stays(p, n)) return p;
  return realloc_any(p, n);
}

GAMELAN_EXPORT void* reallocarray(void* p, size_t count, size_t size) {
  size_t n;
  if (__builtin_mul_overflow(count, size, &n)) return no_memory();
  return realloc(p, n);
}

GAMELAN_EXPORT void* memalign(size_t align, size_t n) {
  // glibc: an alignment that is no power of two is rounded up to one; beyond half the address space, EINVAL.
  if (align > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return nullptr;
  }
  size_t power = 16;
  while (power < align) power *= 2;
  return aligned(power, n);
}

GAMELAN_EXPORT void* aligned_alloc(size_t align, size_t n) { return memalign(align, n); }

GAMELAN_EXPORT int posix_memalign(void** out, size_t align, size_t n) {
  if (align % sizeof(void*) || !is_power_of_two(align / sizeof(void*))) return EINVAL;
  const int before = errno;
  void* p = aligned(align < 16 ? 16 : align, n);
  errno = before;  // reported by value only
  if (!p) return ENOMEM;
  *out = p;
  return 0;
}

GAMELAN_EXPORT void* valloc(size_t n) { return aligned(kOsPageSize, n); }

GAMELAN_EXPORT void* pvalloc(size_t n) {
  const size_t rounded = align_up(n, kOsPageSize);
  return rounded < n ? no_memory() : aligned(kOsPageSize, rounded);
}

GAMELAN_EXPORT size_t malloc_usable_size(void* p) { return p ? heap_usable_size(p, "malloc_usable_size") : 0; }
