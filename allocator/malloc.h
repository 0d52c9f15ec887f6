// allocator/malloc.h: the allocator's front: what the exported malloc family is made of.
//
// Fast     `heap_malloc` of up to 1 KiB and `heap_free` of up to 32 KiB by the holder: no lock, no atomic operation, no
//          branch taken. Their bodies are counted by tests/accept/alloc-instructions; the listing is in README.md.
// Checks   every free proves: the address lies in a span of this cache, at the start of an object (one comparison: see
//          MSpan::may_free); the object is not free already.
// Threads  any. Not async-signal-safe, as malloc(3) is not.
// Go       malloc.go mallocgc; C's half, free(), has no counterpart there.
#pragma once
#include "allocator/mcache.h"
#include "allocator/mheap.h"

namespace gamelan {

void* malloc_slow(Bytes n);                      // everything the fast path does not do; nullptr: out of memory
void free_slow(void* p, const char* call);       // something is out of the ordinary
void* heap_calloc_slow(Bytes n);                 // n bytes, zeroed
void* heap_realloc(void* p, Bytes n);            // n > 0, p not null; nullptr: p is untouched
void* heap_memalign(Bytes align, Bytes n);       // align: power of two
Bytes heap_usable_size(void* p, const char* call);
Lock& late_cache_lock();                         // for fork
MCache* cache_or_late();                         // the thread's cache, or the shared one for threads past their end

// Takes the first object of `s`'s list, or nullptr where it is empty or its first object was written to after free.
// One subtraction both clears the mark and tells: a sentinel's mark never equals kFreeMark.
inline FreeObject* pop(MSpan* s) {
  FreeObject* p = s->free;
  FreeObject* next = p->next;
  bool was_free;
  __asm__("subq %2, %1" : "=@ccz"(was_free), "+m"(p->mark) : "e"(static_cast<int64_t>(kFreeMark)));
  if (GAMELAN_UNLIKELY(!was_free)) return nullptr;
  s->free = next;
  return p;
}

// nullptr: malloc_slow's.
inline void* heap_malloc_fast(Bytes n) {
  MCache* c = tls_mcache;
  if (GAMELAN_UNLIKELY(n > kMaxMapped)) return nullptr;
  return pop(c->span[c->class_of[n]]);
}

inline void* heap_malloc(Bytes n) {
  void* p = heap_malloc_fast(n);
  return GAMELAN_LIKELY(p != nullptr) ? p : malloc_slow(n);
}

inline void heap_free(void* ptr, const char* call) {
  const uintptr_t a = reinterpret_cast<uintptr_t>(ptr);
  MSpan* s = tls_mcache->own->at(a);
  if (GAMELAN_UNLIKELY(!s->may_free(a))) return free_slow(ptr, call);
  auto* p = static_cast<FreeObject*>(ptr);
  if (GAMELAN_UNLIKELY(p->mark == kFreeMark)) return free_slow(ptr, call);
  p->mark = kFreeMark;
  p->next = s->free;
  s->free = p;
  __asm__ volatile("" ::: "memory");  // the credit is the last access: MCache's header tells why
  s->credit -= kCreditUnit;
}

// realloc's commonest answer: `p` is an object in use of a span of this cache, and good for `n` bytes. False: ask further.
inline bool stays(void* p, Bytes n) {
  const uintptr_t a = reinterpret_cast<uintptr_t>(p);
  const MSpan* s = tls_mcache->own->at(a);
  return s->may_free(a) && n <= s->elem_size && n >= s->elem_size / 2 && static_cast<FreeObject*>(p)->mark != kFreeMark;
}

}  // namespace gamelan
