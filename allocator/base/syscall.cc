// allocator/base/syscall.cc: the few system calls that need more than one line.
#include "allocator/base/syscall.h"

#include <elf.h>
#include <signal.h>
#include <sys/mman.h>
#include <time.h>

#include "allocator/base/mem.h"
#include "allocator/base/own_memory.h"

namespace gamelan::sys {

void* map(void* hint, Bytes size, int prot, int extra_flags) {
  const long r = call(SYS_mmap, reinterpret_cast<long>(hint), static_cast<long>(size), prot,
                      MAP_PRIVATE | MAP_ANONYMOUS | extra_flags, -1, 0);
  if (is_error(r)) return nullptr;
  own_memory::add(static_cast<uintptr_t>(r), size);
  return reinterpret_cast<void*>(r);
}

bool unmap(void* p, Bytes size) {
  own_memory::remove(reinterpret_cast<uintptr_t>(p), size);
  return !is_error(call(SYS_munmap, reinterpret_cast<long>(p), static_cast<long>(size)));
}

bool protect(void* p, Bytes size, int prot) {
  return !is_error(call(SYS_mprotect, reinterpret_cast<long>(p), static_cast<long>(size), prot));
}

long advise(void* p, Bytes size, int advice) {
  return call(SYS_madvise, reinterpret_cast<long>(p), static_cast<long>(size), advice);
}

namespace {
using ClockFunction = int (*)(int, timespec*);
constinit ClockFunction vdso_clock = nullptr;

Nanos read_clock(int id) {
  timespec t{};
  if (!vdso_clock || vdso_clock(id, &t)) call(SYS_clock_gettime, id, reinterpret_cast<long>(&t));
  return t.tv_sec * kSecond + t.tv_nsec;
}
}  // namespace

// The vDSO is an ELF image without relocations: its dynamic section's addresses are offsets from its start. vdso(7).
void find_clock(uint64_t vdso) {
  if (!vdso) return;
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(vdso);
  const auto* segment = reinterpret_cast<const Elf64_Phdr*>(vdso + header->e_phoff);
  const Elf64_Dyn* dynamic = nullptr;
  for (int i = 0; i < header->e_phnum; i++)
    if (segment[i].p_type == PT_DYNAMIC) dynamic = reinterpret_cast<const Elf64_Dyn*>(vdso + segment[i].p_offset);
  const Elf64_Sym* symbols = nullptr;
  const char* names = nullptr;
  const uint32_t* hash = nullptr;
  for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++) {
    const uint64_t at = vdso + dynamic->d_un.d_ptr;
    if (dynamic->d_tag == DT_SYMTAB) symbols = reinterpret_cast<const Elf64_Sym*>(at);
    if (dynamic->d_tag == DT_STRTAB) names = reinterpret_cast<const char*>(at);
    if (dynamic->d_tag == DT_HASH) hash = reinterpret_cast<const uint32_t*>(at);
  }
  if (!symbols || !names || !hash) return;
  for (uint32_t i = 0; i < hash[1]; i++)  // nchain: the number of symbols
    if (mem::same_text(names + symbols[i].st_name, "__vdso_clock_gettime"))
      vdso_clock = reinterpret_cast<ClockFunction>(vdso + symbols[i].st_value);
}

Nanos monotonic_now() { return read_clock(CLOCK_MONOTONIC); }
Nanos realtime_now() { return read_clock(CLOCK_REALTIME); }
Nanos coarse_now() { return read_clock(CLOCK_MONOTONIC_COARSE); }

void sleep_for(Nanos t) {
  timespec ts{t / kSecond, t % kSecond};
  call(SYS_nanosleep, reinterpret_cast<long>(&ts), 0);
}

int current_tid() { return static_cast<int>(call(SYS_gettid)); }
int current_pid() { return static_cast<int>(call(SYS_getpid)); }

void abort_process() {
  // The program's own SIGABRT handler runs first, as after abort(3); then the default action.
  const uint64_t abort_bit = uint64_t{1} << (SIGABRT - 1);
  call(SYS_rt_sigprocmask, SIG_UNBLOCK, reinterpret_cast<long>(&abort_bit), 0, 8);
  call(SYS_tgkill, current_pid(), current_tid(), SIGABRT);
  struct { void (*handler)(int); unsigned long flags; void (*restorer)(); uint64_t mask; } act{};
  call(SYS_rt_sigaction, SIGABRT, reinterpret_cast<long>(&act), 0, 8);
  call(SYS_tgkill, current_pid(), current_tid(), SIGABRT);
  for (;;) call(SYS_exit_group, 127);
}

}  // namespace gamelan::sys
