// sched/switch.cc: the assembly of switching and of preemption.
#include "sched/switch.h"

#include <cpuid.h>

namespace gamelan {

extern "C" {
uint64_t gamelan_xsave_size = 4096;
}
constinit SwitchFunction switch_stack = gamelan_switch;

// What gamelan_switch pops, lowest address first.
struct Frame {
  uint32_t mxcsr;
  uint16_t fpu_control, padding;
  uint64_t r15, r14;
  uint64_t r13;  // argument
  uint64_t r12;  // entry
  uint64_t rbx, rbp;
  void (*start)();
  uint64_t end;  // a return address of 0: unwinders stop
};

void* prepare_stack(uintptr_t top, void (*entry)(void*), void* argument) {
  auto* f = reinterpret_cast<Frame*>((top & ~uintptr_t{63}) - sizeof(Frame) - 8);
  *f = {.mxcsr = 0x1f80, .fpu_control = 0x37f, .r13 = reinterpret_cast<uint64_t>(argument),
        .r12 = reinterpret_cast<uint64_t>(entry), .start = gamelan_start};
  return f;
}

// The compacted state of everything that the kernel has enabled, and 64 bytes to align it.
void find_xsave_size() {
  unsigned a, b = 0, c, d;
  if (__get_cpuid_count(13, 1, &a, &b, &c, &d) && b) gamelan_xsave_size = (b + 64 + 63) & ~63u;
}

}  // namespace gamelan

__asm__(
    ".text\n"
    ".p2align 5\n"
    ".globl gamelan_switch\n"
    ".hidden gamelan_switch\n"
    ".type gamelan_switch, @function\n"
    "gamelan_switch:\n"
    ".cfi_startproc\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  sub $8, %rsp\n"
    ".cfi_adjust_cfa_offset 56\n"
    "  stmxcsr (%rsp)\n"
    "  fnstcw 4(%rsp)\n"
    "  mov %rsp, (%rdi)\n"
    "  wrfsbase %rdx\n"
    // Loading the control words waits for the whole pipeline: only where they differ, which is hardly ever.
    "  mov (%rsp), %eax\n"
    "  movzwl 4(%rsp), %ecx\n"
    "  mov %rsi, %rsp\n"
    "  cmp %eax, (%rsp)\n"
    "  jne gamelan_switch_restore\n"
    "  cmp %cx, 4(%rsp)\n"
    "  jne gamelan_switch_restore\n"
    "gamelan_switch_pop:\n"
    "  add $8, %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbx\n  pop %rbp\n"
    ".cfi_adjust_cfa_offset -56\n"
    "  ret\n"
    ".cfi_endproc\n"
    ".size gamelan_switch, .-gamelan_switch\n"
    "gamelan_switch_restore:\n"
    "  ldmxcsr (%rsp)\n"
    "  fldcw 4(%rsp)\n"
    "  jmp gamelan_switch_pop\n"

    ".globl gamelan_switch_prctl\n"
    ".hidden gamelan_switch_prctl\n"
    ".type gamelan_switch_prctl, @function\n"
    "gamelan_switch_prctl:\n"
    ".cfi_startproc\n"
    "  push %rbp\n  push %rbx\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    "  sub $8, %rsp\n"
    ".cfi_adjust_cfa_offset 56\n"
    "  stmxcsr (%rsp)\n"
    "  fnstcw 4(%rsp)\n"
    "  mov %rsp, (%rdi)\n"
    "  mov %rsi, %rsp\n"
    "  mov %rdx, %rsi\n"
    "  mov $0x1002, %edi\n"   // ARCH_SET_FS
    "  mov $158, %eax\n"      // SYS_arch_prctl
    "  syscall\n"
    "  jmp gamelan_switch_restore\n"
    ".cfi_endproc\n"
    ".size gamelan_switch_prctl, .-gamelan_switch_prctl\n"

    ".globl gamelan_start\n"
    ".hidden gamelan_start\n"
    ".type gamelan_start, @function\n"
    "gamelan_start:\n"
    ".cfi_startproc\n"
    ".cfi_undefined rip\n"
    "  mov %r13, %rdi\n"
    "  xor %ebp, %ebp\n"
    "  call *%r12\n"
    "  ud2\n"
    ".cfi_endproc\n"
    ".size gamelan_start, .-gamelan_start\n"

    // Entered by a changed PC, not by a call: (%rsp) is the interrupted PC, the 128 bytes above it the red zone. The
    // flags and every register are the program's; what xsavec leaves alone keeps its state, so the called code gets
    // fresh x87 state and clean upper halves.
    ".globl gamelan_async_preempt\n"
    ".hidden gamelan_async_preempt\n"
    ".type gamelan_async_preempt, @function\n"
    "gamelan_async_preempt:\n"
    ".cfi_startproc\n"
    ".cfi_signal_frame\n"    // the PC is one that runs next, not one behind a call
    ".cfi_def_cfa rsp, 136\n"
    ".cfi_offset rip, -136\n"
    "  pushfq\n"
    ".cfi_adjust_cfa_offset 8\n"
    "  cld\n"
    "  push %rbp\n"
    ".cfi_adjust_cfa_offset 8\n"
    ".cfi_offset rbp, -152\n"
    "  mov %rsp, %rbp\n"
    ".cfi_def_cfa_register rbp\n"
    "  push %rax\n  push %rbx\n  push %rcx\n  push %rdx\n  push %rsi\n  push %rdi\n"
    "  push %r8\n  push %r9\n  push %r10\n  push %r11\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"
    ".cfi_offset rax, -160\n.cfi_offset rbx, -168\n.cfi_offset rcx, -176\n.cfi_offset rdx, -184\n.cfi_offset rsi, -192\n.cfi_offset rdi, -200\n.cfi_offset r8, -208\n"
    ".cfi_offset r9, -216\n.cfi_offset r10, -224\n.cfi_offset r11, -232\n.cfi_offset r12, -240\n.cfi_offset r13, -248\n.cfi_offset r14, -256\n.cfi_offset r15, -264\n"
    "  sub gamelan_xsave_size(%rip), %rsp\n"
    "  and $-64, %rsp\n"
    "  xor %eax, %eax\n"
    "  mov %rax, 512(%rsp)\n  mov %rax, 520(%rsp)\n  mov %rax, 528(%rsp)\n  mov %rax, 536(%rsp)\n"
    "  mov %rax, 544(%rsp)\n  mov %rax, 552(%rsp)\n  mov %rax, 560(%rsp)\n  mov %rax, 568(%rsp)\n"
    "  mov $-1, %eax\n  mov $-1, %edx\n"
    "  xsavec (%rsp)\n"
    "  fninit\n"
    "  vzeroupper\n"
    "  mov %rsp, %rbx\n"
    "  call gamelan_preempted\n"
    "  mov %rbx, %rsp\n"
    "  mov $-1, %eax\n  mov $-1, %edx\n"
    "  xrstor (%rsp)\n"
    "  lea -112(%rbp), %rsp\n"
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %r11\n  pop %r10\n  pop %r9\n  pop %r8\n"
    "  pop %rdi\n  pop %rsi\n  pop %rdx\n  pop %rcx\n  pop %rbx\n  pop %rax\n"
    "  pop %rbp\n"
    ".cfi_def_cfa rsp, 144\n"
    "  popfq\n"
    ".cfi_adjust_cfa_offset -8\n"
    "  ret $128\n"
    ".cfi_endproc\n"
    ".size gamelan_async_preempt, .-gamelan_async_preempt\n");
