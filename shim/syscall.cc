// shim/syscall.cc: syscall(2), for the numbers whose named functions we stand in front of elsewhere.
//
// libseccomp, container tools and language runtimes make these calls by number. All others pass through: registers and
// stack as they came, so that up to six arguments arrive whatever they are.
// Source   syscall(2).
#include <sys/syscall.h>
#include <unistd.h>

#include "allocator/base/words.h"
#include "sched/helper_thread.h"
#include "sched/sched.h"
#include "shim/by_number.h"
#include "shim/futex.h"
#include "shim/next.h"

namespace {
constinit gamelan::Next<long (*)(long, ...)> next_syscall{"syscall"};
}  // namespace

extern "C" __attribute__((visibility("hidden"), used)) void* gamelan_next_syscall(long number) {
  switch (number) {
    case SYS_futex:
      if (gamelan::sched::is_goroutine_mode()) return reinterpret_cast<void*>(gamelan::futex_call);
      break;
    case SYS_seccomp:
      gamelan::helper::forbid();
      break;
    case SYS_unshare: case SYS_setns: case SYS_capset: case SYS_setgroups:
    case SYS_setuid: case SYS_setgid: case SYS_setreuid: case SYS_setregid: case SYS_setresuid: case SYS_setresgid:
      gamelan::helper::stop();
      break;
    default:
      if (void* f = gamelan::io::by_number(number)) return f;
      break;
  }
  return reinterpret_cast<void*>(next_syscall.get());
}

__asm__(
    ".text\n"
    ".globl syscall\n"
    ".type syscall, @function\n"
    "syscall:\n"
    ".cfi_startproc\n"
    "  push %rdi\n"
    "  push %rsi\n"
    "  push %rdx\n"
    "  push %rcx\n"
    "  push %r8\n"
    "  push %r9\n"
    "  sub $8, %rsp\n"
    ".cfi_adjust_cfa_offset 56\n"
    "  call gamelan_next_syscall\n"
    "  add $8, %rsp\n"
    "  pop %r9\n"
    "  pop %r8\n"
    "  pop %rcx\n"
    "  pop %rdx\n"
    "  pop %rsi\n"
    "  pop %rdi\n"
    ".cfi_adjust_cfa_offset -56\n"
    "  jmp *%rax\n"
    ".cfi_endproc\n"
    ".size syscall, .-syscall\n");
