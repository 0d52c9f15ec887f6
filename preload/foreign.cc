// preload/foreign.cc: whose is it?
#include "preload/foreign.h"

#include <dlfcn.h>
#include <sys/uio.h>
#include <unistd.h>

#include "allocator/bad_free.h"
#include "allocator/base/mem.h"
#include "allocator/base/metrics.h"
#include "allocator/base/syscall.h"
#include "allocator/malloc.h"
#include "preload/init.h"

extern "C" {
void __libc_free(void*);
void* __libc_realloc(void*, size_t);
}

namespace gamelan {

namespace {
using FreeFunction = void (*)(void*);
using ReallocFunction = void* (*)(void*, size_t);
using SizeFunction = size_t (*)(void*);

// The next allocator behind us in the search order, where that is not libc's.
FreeFunction other_free() {
  auto f = reinterpret_cast<FreeFunction>(dlsym(RTLD_NEXT, "free"));
  return f && f != reinterpret_cast<FreeFunction>(dlsym(RTLD_NEXT, "__libc_free")) && f != __libc_free ? f : nullptr;
}

// Reads a word that may not be mapped.
bool read_word(uintptr_t at, uint64_t* out) {
  iovec to{out, 8}, from{reinterpret_cast<void*>(at), 8};
  return sys::call(SYS_process_vm_readv, sys::current_pid(), reinterpret_cast<long>(&to), 1, reinterpret_cast<long>(&from), 1, 0) == 8;
}

// Whether `p` looks like a chunk of libc's malloc: in the break heap, or mapped for itself, or in a thread's arena
// (64 MiB aligned, first word its arena). The size word in front of it holds the flags.
bool is_libcs(uintptr_t p) {
  uint64_t size = 0, before = 0;
  if (p % 16 || p < 4096 || !read_word(p - 8, &size) || !read_word(p - 16, &before)) return false;
  const uint64_t bytes = size & ~uint64_t{7};
  if (bytes < 32 || bytes % 16) return false;
  if (size & 2) return (p - 16 - before) % kOsPageSize == 0 && (before + bytes) % kOsPageSize == 0;  // IS_MMAPPED
  if (size & 4) {                                                                                    // NON_MAIN_ARENA
    uint64_t arena = 0;
    return read_word(align_down(p, 64 * MiB), &arena) && align_down(arena, 64 * MiB) != 0 && arena % 8 == 0;
  }
  const auto top = static_cast<uintptr_t>(sys::call(SYS_brk, 0));
  return p < top && top - p < 64 * GiB && p + bytes - 16 <= top && read_word(top - 8, &size);
}
}  // namespace

void foreign_free(void* p, const char* call) {
  if (is_inert()) return __libc_free(p);
  if (FreeFunction f = other_free()) {
    metric_add(Metric::foreign_frees, 1);
    return f(p);
  }
  if (!is_libcs(reinterpret_cast<uintptr_t>(p))) bad_free::foreign(p, call);
  metric_add(Metric::foreign_frees, 1);
  __libc_free(p);
}

Bytes foreign_usable_size(void* p, const char* call) {
  auto f = reinterpret_cast<SizeFunction>(dlsym(RTLD_NEXT, "malloc_usable_size"));
  if (!f || !(is_inert() || other_free() || is_libcs(reinterpret_cast<uintptr_t>(p)))) bad_free::foreign(p, call);
  return f(p);
}

void* foreign_realloc(void* p, Bytes n) {
  if (is_inert()) return __libc_realloc(p, n);
  const Bytes have = foreign_usable_size(p, "realloc");
  void* to = heap_malloc(n);
  if (!to) return nullptr;
  mem::copy(to, p, min_of(have, n));
  foreign_free(p, "realloc");
  return to;
}

}  // namespace gamelan
