// preload/early_tls.cc: malloc before ld.so has copied the TLS images.
//
// ld.so runs the program's IFUNC resolvers while it relocates; the thread pointer is set by then, but the initial values
// of thread-local variables are copied only afterwards. A resolver that calls malloc would find `tls_mcache` null. We
// are relocated before the program, so a resolver of our own comes first and puts the value there. ld.so's later copy
// writes the same value over it; threads::acquire_cache then finds the main thread's record again.
// Source   glibc elf/rtld.c dl_main, _dl_allocate_tls_init.
#include "allocator/mcache.h"

namespace {
void nothing() {}
}  // namespace

extern "C" {
static void (*gamelan_choose_nothing())() {
  gamelan::tls_mcache = &gamelan::fallback_mcache;
  return nothing;
}
static void gamelan_nothing() __attribute__((ifunc("gamelan_choose_nothing")));
}

namespace {
// The address of an IFUNC makes the linker emit the relocation that runs the resolver.
__attribute__((used)) void (*const run_the_resolver)() = gamelan_nothing;
}  // namespace
