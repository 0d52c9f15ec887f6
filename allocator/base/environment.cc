// allocator/base/environment.cc: the initial stack, and a look at the parent's.
#include "allocator/base/environment.h"

#include <elf.h>
#include <fcntl.h>

#include "allocator/base/mem.h"
#include "allocator/base/print.h"
#include "allocator/base/syscall.h"

extern "C" {
extern void* __libc_stack_end __attribute__((weak));
extern char** environ __attribute__((weak));
}

namespace gamelan::environment {

namespace {
constinit char** argv = nullptr;
constinit char** envp = nullptr;
constinit const Elf64_auxv_t* auxv = nullptr;
constinit char name_of_program[64] = "";  // a copy: servers write their state over argv[0]

bool starts_with(const char* s, const char* name) {
  while (*name && *s == *name) s++, name++;
  return !*name && *s == '=';
}

void set_program_name() {
  if (!argv || !argv[0]) return;
  const char* name = argv[0];
  for (const char* p = argv[0]; *p; p++)
    if (*p == '/') name = p + 1;
  for (size_t i = 0; name[i] && i + 1 < sizeof name_of_program; i++) name_of_program[i] = name[i];
}

// Whether the file holds `needle`, `n` bytes that may include a NUL. Reads at most 1 MiB, with an overlap.
bool file_holds(const char* path, const char* needle, size_t n) {
  const long fd = sys::call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC, 0);
  if (sys::is_error(fd)) return false;
  char buf[4096];
  size_t kept = 0;
  bool found = false;
  for (int block = 0; block < 512 && !found; block++) {
    const long r = sys::call(SYS_read, fd, reinterpret_cast<long>(buf + kept), static_cast<long>(sizeof buf - kept));
    if (r <= 0) break;
    const size_t have = kept + static_cast<size_t>(r);
    for (size_t i = 0; i + n <= have && !found; i++) found = mem::equal(buf + i, needle, n);
    kept = min_of(have, n - 1);
    mem::move(buf, buf + have - kept, kept);
  }
  sys::call(SYS_close, fd);
  return found;
}
}  // namespace

uintptr_t stack_end() { return &__libc_stack_end ? reinterpret_cast<uintptr_t>(__libc_stack_end) : 0; }

void find() {
  if (&__libc_stack_end && __libc_stack_end) {
    auto* words = static_cast<uintptr_t*>(__libc_stack_end);
    argv = reinterpret_cast<char**>(words + 1);
    envp = argv + words[0] + 1;
    char** p = envp;
    while (*p) p++;
    auxv = reinterpret_cast<const Elf64_auxv_t*>(p + 1);
  } else if (&environ) {
    envp = environ;
  }
  set_program_name();
}

const char* get(const char* name) {
  if (!envp) return nullptr;
  for (char** e = envp; *e; e++) {
    if (!starts_with(*e, name)) continue;
    const char* v = *e;
    while (*v != '=') v++;
    return v + 1;
  }
  return nullptr;
}

const char* program_name() { return name_of_program; }

uint64_t aux(uint64_t type) {
  if (!auxv) return 0;
  for (const Elf64_auxv_t* a = auxv; a->a_type != AT_NULL; a++)
    if (a->a_type == type) return a->a_un.a_val;
  return 0;
}

bool parent_has(const char* name, const char* value) {
  const auto parent = static_cast<uint64_t>(sys::call(SYS_getppid));
  Line maps, env, setting;
  maps.text("/proc/").dec(parent).text("/maps");
  env.text("/proc/").dec(parent).text("/environ");
  setting.text(name).text("=").text(value);
  const char* needle = setting.c_str();
  return file_holds(maps.c_str(), "libgamelan.so", 13) && file_holds(env.c_str(), needle, setting.size() + 1);
}

}  // namespace gamelan::environment
