// allocator/hooks.h: what the allocator tells, and asks of, the layers above it.
//
// Owns     nothing: preload/wiring.cc defines the table; a unit test defines its own. Called with no lock held, but
//          where a hook says otherwise. Constant from load time on.
#pragma once
#include "allocator/base/words.h"

namespace gamelan {

class MCache;

struct HeapHooks {
  // This thread's cache, made or taken from an idle one, now in `tls_mcache`; boots the runtime at the first call.
  // nullptr: the thread is past its end, or there is no memory for one: the shared late cache serves.
  MCache* (*acquire_cache)();
  // Who allocates here and now: a number below kStackIds, 0 for nobody. Asked for only with PathMode::stacks. No lock is held.
  uint32_t (*allocation_stack)(Bytes n);
  // Once per refill, span or large object: the collector's trigger and assist debt hang on it.
  void (*before_refill)(Bytes n);
  // Enough free memory lies idle that a helper should see to it. May be called with an MCache's lock held: only tries.
  void (*memory_could_go_home)();
  // A pointer that is not ours: returns where another allocator took it, else names the call and ends the process.
  void (*foreign_free)(void* p, const char* call);
  Bytes (*foreign_usable_size)(void* p, const char* call);
  // Whole forwarding (GAMELAN=off, sanitizers, AT_SECURE). Boots the runtime at the first call.
  bool (*is_inert)();
  void* (*inert_malloc)(Bytes n);
};
extern const HeapHooks heap_hooks;

}  // namespace gamelan
