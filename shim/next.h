// shim/next.h: the function that we stand in front of.
//
// Looked up once per symbol, by dlsym(RTLD_NEXT): libc's, or another preload's.
#pragma once
#include <dlfcn.h>

#include "allocator/base/atomic.h"

namespace gamelan {

template <class F>
class Next {
 public:
  constexpr explicit Next(const char* name) {
    for (int i = 0; name[i]; i++) name_[i] = name[i];
  }
  F get() {
    void* p = found_.load_acquire();
    if (p) return reinterpret_cast<F>(p);
    p = dlsym(RTLD_NEXT, name_);
    found_.store_release(p);  // pairs: load_acquire above
    return reinterpret_cast<F>(p);
  }

 private:
  char name_[24] = {};  // its own copy: a pointer would be a relocation, and those cost every program's start
  Atomic<void*> found_{nullptr};
};

}  // namespace gamelan
