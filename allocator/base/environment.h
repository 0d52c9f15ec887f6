// allocator/base/environment.h: what the kernel handed the process: argv, environment, auxiliary vector.
//
// Read from the initial stack (ld.so's public `__libc_stack_end`), because the first malloc can come from ld.so,
// before libc has set `environ`. The program's later setenv calls are not seen: settings are those at start.
#pragma once
#include <stdint.h>

namespace gamelan::environment {

void find();                          // boot, once
const char* get(const char* name);    // value, or nullptr
const char* program_name();           // last component of argv[0], "" where unknown
uintptr_t stack_end();                 // the highest address of the first thread's frames, 0 where unknown
uint64_t aux(uint64_t type);          // AT_*, 0 where absent
// Whether the parent process also runs under us and started with the same `name=value`: it has warned already.
bool parent_has(const char* name, const char* value);

}  // namespace gamelan::environment
