// sched/kernel_action.h: rt_sigaction(2)'s argument, as the kernel has it.
#pragma once
#include <signal.h>
#include <stdint.h>

#include "allocator/base/syscall.h"

extern "C" __attribute__((visibility("hidden"))) void gamelan_restorer();  // rt_sigreturn(2)

namespace gamelan {

struct KernelAction {
  uintptr_t handler;
  unsigned long flags;
  void (*restorer)();
  uint64_t mask;
};

inline constexpr unsigned long kHasRestorer = 0x04000000;

// 0 or -errno.
inline long kernel_sigaction(int signal, const KernelAction* now, KernelAction* before) {
  return sys::call(SYS_rt_sigaction, signal, reinterpret_cast<long>(now), reinterpret_cast<long>(before), sizeof(uint64_t));
}

}  // namespace gamelan
