// allocator/base/syscall.h: raw system calls: no errno, no cancellation point, no libc.
//
// Returns  the kernel's word: a result, or -errno in [-4095, -1]; `is_error` tells.
// Why      inside the allocator errno is the program's and libc's wrappers may be somebody's interposed ones.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "allocator/base/words.h"

namespace gamelan::sys {

inline long call(long n, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

inline bool is_error(long r) { return r < 0 && r > -4096; }

// mmap(2) of private anonymous memory; nullptr where the kernel refuses.
void* map(void* hint, Bytes size, int prot, int extra_flags);
bool unmap(void* p, Bytes size);
bool protect(void* p, Bytes size, int prot);
long advise(void* p, Bytes size, int advice);

void find_clock(uint64_t vdso);  // boot: AT_SYSINFO_EHDR; before it, and without one, the clocks are system calls
Nanos monotonic_now();          // CLOCK_MONOTONIC, by the vDSO itself: libc's function may be interposed
Nanos realtime_now();           // CLOCK_REALTIME, likewise
Nanos coarse_now();             // CLOCK_MONOTONIC_COARSE: some ms behind, a few ns dear
void sleep_for(Nanos t);        // restarts nothing: may return early
int current_tid();
int current_pid();
[[noreturn]] void abort_process();  // SIGABRT with its default action, as abort(3) does, without its locks

}  // namespace gamelan::sys
