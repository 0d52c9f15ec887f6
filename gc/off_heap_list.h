// gc/off_heap_list.h: a growing array outside of the program's heap, for what a collection notes while the world stands.
//
// Memory   one sparse mapping of the most that it may hold; pages are touched as it grows.
// Never    allocates on the heap or takes a lock.
#pragma once
#include <sys/mman.h>

#include "allocator/base/syscall.h"

namespace gamelan::gc {

template <class T>
class OffHeapList {
 public:
  explicit OffHeapList(size_t most)
      : most_(most), items_(static_cast<T*>(sys::map(nullptr, most * sizeof(T), PROT_READ | PROT_WRITE, MAP_NORESERVE))) {}
  ~OffHeapList() {
    if (items_) sys::unmap(items_, most_ * sizeof(T));
  }
  OffHeapList(const OffHeapList&) = delete;
  OffHeapList& operator=(const OffHeapList&) = delete;

  bool is_made() const { return items_ != nullptr; }
  // False: it is full; `was_full` says so from then on.
  bool push(const T& item) {
    if (!items_ || count_ == most_) return was_full_ = true, false;
    items_[count_++] = item;
    return true;
  }
  T pop() { return items_[--count_]; }
  bool is_empty() const { return count_ == 0; }
  bool was_full() const { return was_full_; }
  size_t size() const { return count_; }
  T& operator[](size_t i) { return items_[i]; }
  T* begin() { return items_; }
  T* end() { return items_ + count_; }
  void clear() { count_ = 0; }
  void cut(size_t n) { count_ = n; }

 private:
  size_t most_, count_ = 0;
  T* items_;
  bool was_full_ = false;
};

}  // namespace gamelan::gc
