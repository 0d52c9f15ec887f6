// sched/cpu_quota.h: how many processors the cgroup lets the process use: the default of GOMAXPROCS, with the affinity mask.
//
// Source   cgroup v2: /proc/self/cgroup names the group, cpu.max of it and of each group above holds "QUOTA PERIOD" or "max".
//          Rounded up, at least 1; the least of all groups counts.
// When     the scheduler starts: a program without threads never reads them.
// Go       1.25 internal/runtime/cgroup.  Differs: v1 is left out; Go takes at least 2.
#pragma once
#include <stddef.h>

namespace gamelan::cpu_quota {

inline constexpr unsigned kNone = ~0u;

// One line of cpu.max. kNone: no quota, or not understood.
unsigned parse(const char* line, size_t length);
// The process' processors, or kNone. The arguments are the kernel's places; tests have others.
unsigned find(const char* membership = "/proc/self/cgroup", const char* mount = "/sys/fs/cgroup");

}  // namespace gamelan::cpu_quota
