// preload/new_delete.cc: C++'s replaceable allocation functions, all of them.
//
// We link no libstdc++: bad_alloc is thrown and the new-handler found through the program's own, looked up when memory
// is short. Where the program has none (operator new called from C?), running out ends the process.
// Source   C++20 [new.delete]; Itanium C++ ABI for the mangled names.
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

#include <initializer_list>
#include <new>

#include "allocator/base/fatal.h"
#include "allocator/caller.h"
#include "allocator/malloc.h"

using namespace gamelan;

extern "C" {
void* malloc(size_t);
void* memalign(size_t, size_t);
void free(void*);
}

namespace {
using Handler = void (*)();

// A function of the program's C++ library, which may have come with a dlopen'd extension (RTLD_LOCAL).
void* cxx_function(const char* name) {
  if (void* f = dlsym(RTLD_DEFAULT, name)) return f;
  for (const char* library : {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"})
    if (void* h = dlopen(library, RTLD_NOLOAD | RTLD_NOW))
      if (void* f = dlsym(h, name)) return f;
  return nullptr;
}

Handler new_handler() {
  auto get = reinterpret_cast<Handler (*)()>(cxx_function("_ZSt15get_new_handlerv"));
  return get ? get() : nullptr;
}

[[noreturn]] void throw_bad_alloc() {
  if (auto raise = reinterpret_cast<void (*)()>(cxx_function("_ZSt17__throw_bad_allocv"))) raise();
  fatal("operator new is out of memory, and no C++ library is loaded to throw bad_alloc");
}

// align 0: the default. Asks the new-handler until it gives up by throwing, or there is none.
GAMELAN_COLD void* new_slow(size_t n, size_t align) {
  for (;;) {
    if (void* p = align ? memalign(align, n) : malloc(n)) return p;
    Handler h = new_handler();
    if (!h) throw_bad_alloc();
    h();
  }
}

// The nothrow forms must catch what the handler throws, which takes a C++ library: libstdc++'s own forms do it, and call
// our throwing ones. Without a handler there is nothing to catch.
GAMELAN_COLD void* nothrow_slow(size_t n, size_t align) {
  static const std::nothrow_t tag{};
  if (!new_handler()) return align ? memalign(align, n) : malloc(n);
  using Plain = void* (*)(size_t, const std::nothrow_t&);
  using Aligned = void* (*)(size_t, std::align_val_t, const std::nothrow_t&);
  if (align) {
    auto f = reinterpret_cast<Aligned>(dlsym(RTLD_NEXT, "_ZnwmSt11align_val_tRKSt9nothrow_t"));
    return f ? f(n, static_cast<std::align_val_t>(align), tag) : nullptr;
  }
  auto f = reinterpret_cast<Plain>(dlsym(RTLD_NEXT, "_ZnwmRKSt9nothrow_t"));
  return f ? f(n, tag) : nullptr;
}

template <void* (*slow)(size_t, size_t)>
GAMELAN_NOINLINE void* new_not_fast(size_t n) {
  note_caller();
  void* p = malloc_slow(n);
  return GAMELAN_LIKELY(p != nullptr) ? p : slow(n, 0);
}

template <void* (*slow)(size_t, size_t)>
inline void* new_any(size_t n) {
  void* p = heap_malloc_fast(n);
  return GAMELAN_LIKELY(p != nullptr) ? p : new_not_fast<slow>(n);
}

inline void* new_aligned(size_t n, std::align_val_t align, void* (*slow)(size_t, size_t)) {
  void* p = memalign(static_cast<size_t>(align), n);
  return p ? p : slow(n, static_cast<size_t>(align));
}
}  // namespace

#define EXPORT __attribute__((visibility("default")))

EXPORT void* operator new(size_t n) { return new_any<new_slow>(n); }
EXPORT void* operator new[](size_t n) { return new_any<new_slow>(n); }
EXPORT void* operator new(size_t n, const std::nothrow_t&) noexcept { return new_any<nothrow_slow>(n); }
EXPORT void* operator new[](size_t n, const std::nothrow_t&) noexcept { return new_any<nothrow_slow>(n); }
EXPORT void* operator new(size_t n, std::align_val_t a) { return new_aligned(n, a, new_slow); }
EXPORT void* operator new[](size_t n, std::align_val_t a) { return new_aligned(n, a, new_slow); }
EXPORT void* operator new(size_t n, std::align_val_t a, const std::nothrow_t&) noexcept { return new_aligned(n, a, nothrow_slow); }
EXPORT void* operator new[](size_t n, std::align_val_t a, const std::nothrow_t&) noexcept { return new_aligned(n, a, nothrow_slow); }

EXPORT void operator delete(void* p) noexcept { heap_free(p, "operator delete"); }
EXPORT void operator delete[](void* p) noexcept { heap_free(p, "operator delete[]"); }
EXPORT void operator delete(void* p, size_t) noexcept { heap_free(p, "operator delete"); }
EXPORT void operator delete[](void* p, size_t) noexcept { heap_free(p, "operator delete[]"); }
EXPORT void operator delete(void* p, const std::nothrow_t&) noexcept { heap_free(p, "operator delete"); }
EXPORT void operator delete[](void* p, const std::nothrow_t&) noexcept { heap_free(p, "operator delete[]"); }
EXPORT void operator delete(void* p, std::align_val_t) noexcept { heap_free(p, "operator delete"); }
EXPORT void operator delete[](void* p, std::align_val_t) noexcept { heap_free(p, "operator delete[]"); }
EXPORT void operator delete(void* p, size_t, std::align_val_t) noexcept { heap_free(p, "operator delete"); }
EXPORT void operator delete[](void* p, size_t, std::align_val_t) noexcept { heap_free(p, "operator delete[]"); }
EXPORT void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { heap_free(p, "operator delete"); }
EXPORT void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { heap_free(p, "operator delete[]"); }
