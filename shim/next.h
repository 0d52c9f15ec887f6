// shim/next.h: the function that we stand in front of.
//
// Looked up once per symbol, by dlsym(RTLD_NEXT): libc's, or another preload's. Where libc has the name in two versions
// that differ, the version is named too.
#pragma once
#include <dlfcn.h>

#include "allocator/base/atomic.h"
#include "allocator/base/words.h"
#include "sched/sched.h"

namespace gamelan {

template <class F>
class Next {
 public:
  constexpr explicit Next(const char* name, const char* version = "") {
    for (int i = 0; name[i]; i++) name_[i] = name[i];
    for (int i = 0; version[i]; i++) version_[i] = version[i];
  }
  F get() {
    const F f = found();
    return GAMELAN_LIKELY(f != nullptr) ? f : find();
  }
  // For a call that may wait, made by a native thread.
  template <class... A>
  auto waits(A... a) {
    sched::NativeCall call;
    return get()(a...);
  }
  F found() const { return reinterpret_cast<F>(found_.load_acquire()); }  // nullptr: nobody has called `get` yet

 private:
  GAMELAN_COLD F find() {
    void* p = version_[0] ? dlvsym(RTLD_NEXT, name_, version_) : dlsym(RTLD_NEXT, name_);
    found_.store_release(p);  // pairs: found's load_acquire
    return reinterpret_cast<F>(p);
  }

  char name_[28] = {};  // its own copy: a pointer would be a relocation, and those cost every program's start
  char version_[12] = {};
  Atomic<void*> found_{nullptr};
};

// The one that stands behind `f`, by its name.
template <class R, class... A>
constexpr Next<R (*)(A...)> next_for(R (*)(A...), const char* name) {
  return Next<R (*)(A...)>(name);
}

}  // namespace gamelan
