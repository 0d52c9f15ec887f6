// sched/switch.h: from one stack to another.
//
// Owns     the assembly. A switch saves the callee-saved registers, mxcsr and the x87 control word on the stack that is
//          left, moves stack and thread pointer, and restores the same from the next: 24-29 ns with wrfsbase.
// Source   System V ABI for x86-64, 3.2.1: what a call must preserve.  Go  asm_amd64.s gogo, mcall, asyncPreempt.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace gamelan {

extern "C" {
// Leaves the current stack, its pointer in *save, for `to`, with thread pointer `fs`. Returns when somebody comes back.
__attribute__((visibility("hidden"))) void gamelan_switch(void** save, void* to, uintptr_t fs);
// As above by arch_prctl(2): kernels and processors without FSGSBASE, and fsbase=prctl.
__attribute__((visibility("hidden"))) void gamelan_switch_prctl(void** save, void* to, uintptr_t fs);
// Where a new stack begins: calls `entry(argument)`, which does not return.
__attribute__((visibility("hidden"))) void gamelan_start();
// Where a preempted G goes on: saves every register, calls gamelan_preempted, restores.
__attribute__((visibility("hidden"))) void gamelan_async_preempt();
extern __attribute__((visibility("hidden"))) uint64_t gamelan_xsave_size;
}

using SwitchFunction = void (*)(void**, void*, uintptr_t);
extern SwitchFunction switch_stack;

// The stack pointer of a context that begins with entry(argument) below `top`.
void* prepare_stack(uintptr_t top, void (*entry)(void*), void* argument);
void find_xsave_size();

}  // namespace gamelan
