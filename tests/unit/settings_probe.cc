// tests/unit/settings_probe.cc: loads its settings as a booting process does, and prints them.
//
//   settings_probe                    one `name=value` per line on stdout
//   settings_probe as-parent LIBRARY  maps LIBRARY, so that /proc/self/maps names it, and runs itself once
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "allocator/base/environment.h"
#include "allocator/base/options.h"
#include "allocator/base/output.h"

extern char** environ;

using namespace gamelan;

namespace {
int as_parent(char* self, const char* library) {
  const int fd = open(library, O_RDONLY);
  if (fd < 0 || mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED) return 1;
  char* argv[] = {self, nullptr};
  pid_t child;
  int status;
  if (posix_spawn(&child, self, nullptr, nullptr, argv, environ)) return 1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

const char* or_none(const char* text) { return text ? text : "(none)"; }
}  // namespace

int main(int argc, char** argv) {
  environment::find();
  output::remember_stderr();
  options_load();
  const Options& o = options();
  printf("program=%s\n", environment::program_name());
  printf("page_size=%llu\n", static_cast<unsigned long long>(environment::aux(AT_PAGESZ)));
  printf("absent_aux=%llu\n", static_cast<unsigned long long>(environment::aux(0xffff)));
  printf("PROBE=%s\n", or_none(environment::get("PROBE")));
  printf("PROB=%s\n", or_none(environment::get("PROB")));
  printf("off=%d\n", o.off);
  printf("gogc=%lld\n", static_cast<long long>(o.gogc));
  printf("memory_limit=%llu\n", static_cast<unsigned long long>(o.memory_limit));
  printf("gomaxprocs=%u\n", o.gomaxprocs);
  printf("threads=%d\n", static_cast<int>(o.threads_mode));
  printf("inittrace=%d\n", o.inittrace);
  printf("path=%llu\n", static_cast<unsigned long long>(o.path));
  printf("verify=%llu\n", static_cast<unsigned long long>(o.verify));
  fflush(stdout);
  return argc == 3 && !strcmp(argv[1], "as-parent") ? as_parent(argv[0], argv[2]) : 0;
}
