// gc/roots.h: where a mark begins: every word of the process that is the program's and not in the heap.
//
// What     the writable data of loaded objects, RELRO included; every thread's stack from its stack pointer up, its registers,
//          its TLS block and struct pthread; private memory that is not ours (other allocators' arenas, coroutines' stacks);
//          shared memory without a file; what the kernel keeps for the program: epoll's data, timers' values, bytes in pipes and
//          sockets of this process.
// Not      our own mappings and data; the heap; stacks below the stack pointer, and those of threads that ended; pages that
//          were never written.
// How      /proc/self/maps is read once, while the world stands: no lock of ld.so's. Thread stacks are cut out of it.
// Go       mgcmark.go markroot.  LSan: lsan_common.cpp ProcessThreads, ProcessGlobalRegions.
#pragma once
#include "allocator/base/words.h"
#include "gc/off_heap_list.h"

namespace gamelan::gc {

enum class RootKind : uint8_t { data, stack, tls, memory, kernel };

struct Root {
  uintptr_t low, high;
  RootKind kind;
  int tid;  // of stack and TLS: whose; else 0
};

class Roots {
 public:
  Roots();
  bool is_made() const { return list_.is_made() && words_.is_made(); }
  bool is_complete() const { return !list_.was_full() && !words_.was_full() && !tops_.was_full(); }
  // The world stands; `own_sp`: the caller's stack is the program's from there up.
  void collect(uintptr_t own_sp);

  template <class F> void for_each(F f) {  // f(const Root&)
    for (const Root& r : list_) f(r);
  }

 private:
  void add(uintptr_t low, uintptr_t high, RootKind kind, int tid = 0);
  void add_word(uint64_t word);
  void cut(uintptr_t low, uintptr_t high);
  void join_cuts();
  void read_maps();
  void add_mapping(uintptr_t low, uintptr_t high, RootKind kind);
  void cut_own();
  void add_threads(uintptr_t own_sp);
  void add_goroutines(uintptr_t own_sp);
  void add_native_threads(uintptr_t own_sp);
  void add_kernel_threads();
  void cut_ended_threads();
  void add_block(uintptr_t fs, int tid);
  void add_stack(uintptr_t sp, uintptr_t known_high, uintptr_t known_low, int tid);
  void add_epoll_data();
  void add_timer_values();
  void add_bytes_under_way();
  void add_bytes(const char* bytes, long n);

  struct Cut {
    uintptr_t low, high;
  };
  OffHeapList<Root> list_;
  OffHeapList<Cut> cuts_;
  OffHeapList<uint64_t> words_;  // what the kernel keeps
  OffHeapList<uintptr_t> tops_;  // stack pointers of threads whose bounds are not known
  uintptr_t cut_to_ = 0;
};

}  // namespace gamelan::gc
