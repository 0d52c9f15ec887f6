// shim/dlopen.cc: dlopen without RTLD_DEEPBIND.
//
// A library bound deeply finds libc's malloc before ours and frees our memory with it (Debian's php and apache modules
// die so under every preloaded allocator). libc's dlopen takes its caller's return address for RUNPATH and $ORIGIN:
// we jump to it, so that the caller stays the caller.
//
// As goroutines  ld.so gives a library's initial-exec TLS its values in the threads that libc knows, before constructors
// run. The caller is linked into that list for the time of the call; all other goroutines get theirs copied afterwards. So
// we must come back: the call is ours then, and a name without a slash is looked for along the real caller's RUNPATH first.
// Source   dlopen(3), dlinfo(3) RTLD_DI_SERINFO.
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "allocator/base/words.h"
#include "sched/late_tls.h"
#include "sched/own_threads.h"
#include "sched/sched.h"
#include "shim/next.h"

namespace {
constinit gamelan::Next<void* (*)(const char*, int)> next_dlopen{"dlopen"};

// The path of `name` in a folder of the caller's RUNPATH; false: it has none, or nothing is there.
bool find_by_runpath(const void* caller, const char* name, char (&path)[PATH_MAX]) {
  Dl_info where;
  link_map* map = nullptr;
  if (!dladdr1(caller, &where, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) || !map) return false;
  bool has = false;
  for (const ElfW(Dyn)* d = map->l_ld; d && d->d_tag != DT_NULL; d++) has |= d->d_tag == DT_RUNPATH || d->d_tag == DT_RPATH;
  Dl_serinfo size;
  if (!has || dlinfo(map, RTLD_DI_SERINFOSIZE, &size)) return false;
  auto* list = static_cast<Dl_serinfo*>(malloc(size.dls_size));
  if (!list) return false;
  bool found = false;
  if (dlinfo(map, RTLD_DI_SERINFOSIZE, list) == 0 && dlinfo(map, RTLD_DI_SERINFO, list) == 0)
    for (unsigned i = 0; i < list->dls_cnt && !found; i++) {
      const size_t n = strlen(list->dls_serpath[i].dls_name), m = strlen(name);
      if (n + m + 2 > sizeof path) continue;
      memcpy(path, list->dls_serpath[i].dls_name, n);
      path[n] = '/';
      memcpy(path + n + 1, name, m + 1);
      found = access(path, R_OK) == 0;
    }
  free(list);
  return found;
}

void* dlopen_as_goroutine(const char* name, int flags, const void* caller) {
  char path[PATH_MAX];
  struct Refresh {
    ~Refresh() { gamelan::own_threads::refresh(); }
  } when_done;
  gamelan::LateTls late;
  if (name && !strchr(name, '/')) {
    if (void* loaded = next_dlopen.get()(name, flags | RTLD_NOLOAD)) return loaded;
    if (find_by_runpath(caller, name, path)) name = path;
  }
  return next_dlopen.get()(name, flags);
}
}  // namespace

// Where to go on: libc's, in place; or the goroutine's, which is told the caller.
extern "C" __attribute__((visibility("hidden"), used)) void* gamelan_next_dlopen() {
  if (gamelan::sched::is_started() && gamelan::can_park()) return nullptr;
  return reinterpret_cast<void*>(next_dlopen.get());
}
extern "C" __attribute__((visibility("hidden"), used)) void* gamelan_dlopen(const char* name, int flags, const void* caller) {
  return dlopen_as_goroutine(name, flags, caller);
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
    "  test %rax, %rax\n"
    "  jz 1f\n"
    "  jmp *%rax\n"
    "1:\n"
    "  mov (%rsp), %rdx\n"
    "  jmp gamelan_dlopen\n"
    ".cfi_endproc\n"
    ".size dlopen, .-dlopen\n");
