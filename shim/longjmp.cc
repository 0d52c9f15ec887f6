// shim/longjmp.cc: jumps that put a signal mask back, and jumps out of signal handlers.
//
// Mask     libc would tell the kernel behind our back: we set it, and hand libc a buffer that says it has none.
// Source   POSIX.1-2017 longjmp, siglongjmp; glibc 2.36 setjmp/bits/types/struct___jmp_buf_tag.h.
#include <setjmp.h>
#include <string.h>

#include "shim/next.h"
#include "shim/signals.h"

using namespace gamelan;

namespace {
using Jump = void (*)(__jmp_buf_tag*, int);

void jump(Next<Jump>& next, __jmp_buf_tag* buffer, int value) {
  G* g = self();
  if (g->kind == GKind::goroutine) g->pinned.store_relaxed(static_cast<uint8_t>(g->pinned.load_relaxed() & ~G::kInterruptedUs));
  if (!buffer->__mask_was_saved || !signals::are_of_goroutine()) return next.get()(buffer, value);
  signals::force_mask(g, signals::word_of(&buffer->__saved_mask));
  __jmp_buf_tag without;
  memcpy(&without.__jmpbuf, &buffer->__jmpbuf, sizeof without.__jmpbuf);
  without.__mask_was_saved = 0;
  next.get()(&without, value);
}
}  // namespace

#define JUMP(name)                                              \
  GAMELAN_EXPORT void name(__jmp_buf_tag* buffer, int value) {  \
    static constinit Next<Jump> next{#name};                    \
    jump(next, buffer, value);                                  \
    __builtin_unreachable();                                    \
  }

JUMP(longjmp)
JUMP(_longjmp)
JUMP(siglongjmp)
JUMP(__longjmp_chk)
