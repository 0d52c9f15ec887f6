// tests/unit/heap.h: the heap as the tests see it: paths, caches by hand, and what is in use.
//
// One thread can play several: it allocates as whichever cache its `tls_mcache` names. That makes the order of every
// remote free and inbox visit the test's own choice.
#pragma once
#include <criterion/criterion.h>

#include <string>

#include "allocator/base/metrics.h"
#include "allocator/find_object.h"
#include "allocator/fork.h"
#include "allocator/malloc.h"
#include "allocator/mcache.h"
#include "allocator/mheap.h"
#include "allocator/verify.h"

namespace gamelan::test {

// What the hook table counted.
struct HookCalls {
  Atomic<uint64_t> before_refill, memory_could_go_home;
};
extern HookCalls hook_calls;
// Where set, `memory_could_go_home` is passed on: a test of the helper thread names helper::wanted.
extern void (*pass_on_memory_could_go_home)();

// Starts the runtime on one path, in the calling thread. At most once per test, before the first allocation.
void start_heap(bool bitmap = false);

// One test on both small-object paths: the body starts with the heap running.
#define TEST_ON_BOTH_PATHS(suite, name)                                                     \
  static void suite##_##name##_body();                                                      \
  Test(suite, name##_on_lists, .timeout = 20) { test::start_heap(false); suite##_##name##_body(); }   \
  Test(suite, name##_on_bitmap, .timeout = 20) { test::start_heap(true); suite##_##name##_body(); }   \
  static void suite##_##name##_body()

// Allocates as `c` until the end of its scope.
class As {
 public:
  explicit As(MCache* c) : before_(tls_mcache) { tls_mcache = c; }
  ~As() { tls_mcache = before_; }
  As(const As&) = delete;
  As& operator=(const As&) = delete;

 private:
  MCache* before_;
};

inline MSpan* span_of(const void* p) { return HeapWindow::span_of(reinterpret_cast<uintptr_t>(p)); }
inline RemoteWord remote_of(const MSpan* s) { return RemoteWord(s->remote.load_acquire()); }
inline uint64_t spans_in_use() { return metric_read(Metric::spans_in_use); }

void verify(MCache* c);  // takes its lock
void verify_all();       // every cache; nobody may be allocating
void abandon_all();      // every cache's holder is the caller, or gone: all spans to the centrals or home

// A span's bytes that have memory behind them.
Bytes resident_bytes(const MSpan* s);

// Bytes that belong to one object: a pattern of its address and size.
void fill(void* p, Bytes n, uint64_t tag);
bool is_filled(const void* p, Bytes n, uint64_t tag);

}  // namespace gamelan::test
