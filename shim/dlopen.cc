// shim/dlopen.cc: dlopen without RTLD_DEEPBIND.
//
// A library bound deeply finds libc's malloc before ours and frees our memory with it (Debian's php and apache modules
// die so under every preloaded allocator). libc's dlopen takes its caller's return address for RUNPATH and $ORIGIN:
// we jump to it, so that the caller stays the caller.
// Source   dlopen(3).
#include <dlfcn.h>

#include "allocator/base/words.h"
#include "shim/next.h"

namespace {
constinit gamelan::Next<void* (*)(const char*, int)> next_dlopen{"dlopen"};
}  // namespace

extern "C" __attribute__((visibility("hidden"), used)) void* gamelan_next_dlopen() {
  return reinterpret_cast<void*>(next_dlopen.get());
}

static_assert(RTLD_DEEPBIND == 8, "the mask below");

__asm__(
    ".text\n"
    ".globl dlopen\n"
    ".type dlopen, @function\n"
    "dlopen:\n"
    ".cfi_startproc\n"
    "  push %rdi\n"
    ".cfi_adjust_cfa_offset 8\n"
    "  push %rsi\n"
    ".cfi_adjust_cfa_offset 8\n"
    "  sub $8, %rsp\n"
    ".cfi_adjust_cfa_offset 8\n"
    "  call gamelan_next_dlopen\n"
    "  add $8, %rsp\n"
    ".cfi_adjust_cfa_offset -8\n"
    "  pop %rsi\n"
    ".cfi_adjust_cfa_offset -8\n"
    "  pop %rdi\n"
    ".cfi_adjust_cfa_offset -8\n"
    "  and $~8, %esi\n"
    "  jmp *%rax\n"
    ".cfi_endproc\n"
    ".size dlopen, .-dlopen\n");
