// shim/threads.cc: pthread_create, native: a record first, then the kernel thread.
//
// Source   pthread_create(3).  Errors  as libc's; EAGAIN where there is no memory for a record.
#include <errno.h>
#include <pthread.h>

#include "allocator/base/words.h"
#include "allocator/hooks.h"
#include "sched/threads.h"
#include "shim/next.h"

using namespace gamelan;

namespace {
constinit Next<int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)> next_create{"pthread_create"};

void* trampoline(void* record) { return threads::run(static_cast<ThreadRecord*>(record)); }

Bytes stack_size_of(const pthread_attr_t* attr) {
  size_t size = 0;
  if (attr) pthread_attr_getstacksize(attr, &size);
  return size ? size : 8 * MiB;
}
}  // namespace

GAMELAN_EXPORT int pthread_create(pthread_t* out, const pthread_attr_t* attr, void* (*start)(void*), void* arg) {
  if (heap_hooks.is_inert()) return next_create.get()(out, attr, start, arg);
  ThreadRecord* r = threads::prepare(start, arg, stack_size_of(attr));
  if (!r) return EAGAIN;
  const int e = next_create.get()(out, attr, trampoline, r);
  if (e) threads::discard(r);
  return e;
}
