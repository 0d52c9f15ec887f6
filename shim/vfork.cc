// shim/vfork.cc: vfork(2) from a goroutine.
//
// The child runs on the parent's stack, G and M, while the parent's kernel thread sleeps: it must not touch the scheduler.
// `G::kInVfork` makes every shim go straight through until the parent is back; the P is free for others meanwhile.
// Stack    the return address stays in a register over the call, since the child's frames overwrite the stack.
// Source   vfork(2).
#include <errno.h>

#include <new>

#include "allocator/base/syscall.h"
#include "sched/sched.h"

using namespace gamelan;

extern "C" {
// Where the caller's registers go: the assembly stores them, since they stay in use over the call.
__attribute__((visibility("hidden"), used)) Outside* gamelan_outside() { return &self()->outside; }

__attribute__((visibility("hidden"), used)) void gamelan_before_vfork() {
  G* g = self();
  if (g->is_in_vfork()) return;  // the child of one forks so again: it has a process, but no G, of its own
  static_assert(sizeof(sched::BlockingCall) <= sizeof g->vfork_call);
  new (g->vfork_call) sched::BlockingCall(sched::BlockingCall::kByCaller);
  g->pinned.store_relaxed(g->pinned.load_relaxed() | G::kInVfork);
  g->vfork_pid = sys::current_pid();
}

// In the parent, or where the call failed.
__attribute__((visibility("hidden"), used)) long gamelan_after_vfork(long result) {
  G* g = self();
  if (g->vfork_pid == sys::current_pid()) {
    g->pinned.store_relaxed(static_cast<uint8_t>(g->pinned.load_relaxed() & ~G::kInVfork));
    reinterpret_cast<sched::BlockingCall*>(g->vfork_call)->~BlockingCall();
  }
  if (!sys::is_error(result)) return result;
  errno = static_cast<int>(-result);
  return -1;
}
}

__asm__(
    ".text\n"
    ".globl vfork\n"
    ".type vfork, @function\n"
    "vfork:\n"
    ".cfi_startproc\n"
    "  sub $8, %rsp\n"
    ".cfi_adjust_cfa_offset 8\n"
    "  call gamelan_outside\n"
    "  mov %rsp, (%rax)\n"
    "  mov %rbx, 8(%rax)\n"
    "  mov %rbp, 16(%rax)\n"
    "  mov %r12, 24(%rax)\n"
    "  mov %r13, 32(%rax)\n"
    "  mov %r14, 40(%rax)\n"
    "  mov %r15, 48(%rax)\n"
    "  call gamelan_before_vfork\n"
    "  add $8, %rsp\n"
    ".cfi_adjust_cfa_offset -8\n"
    "  pop %rdi\n"
    ".cfi_adjust_cfa_offset -8\n"
    ".cfi_register %rip, %rdi\n"
    "  mov $58, %eax\n"  // SYS_vfork
    "  syscall\n"
    "  push %rdi\n"
    ".cfi_adjust_cfa_offset 8\n"
    ".cfi_offset %rip, -8\n"
    "  test %rax, %rax\n"
    "  jz 1f\n"
    "  mov %rax, %rdi\n"
    "  sub $8, %rsp\n"
    ".cfi_adjust_cfa_offset 8\n"
    "  call gamelan_after_vfork\n"
    "  add $8, %rsp\n"
    ".cfi_adjust_cfa_offset -8\n"
    "1:\n"
    "  ret\n"
    ".cfi_endproc\n"
    ".size vfork, .-vfork\n"
    ".globl __vfork\n"
    ".set __vfork, vfork\n");
