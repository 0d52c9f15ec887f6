// preload/cli/bench/process_tree.h: a process with all its descendants, and the memory they have resident.
//
// Way      /proc/PID/task/*/children from the root down, and /proc/PID/statm of each.  Pages that processes share count
//          once for each of them, as they do in top(1); what is compared is the same program, so it is fair.
// Races    a process that ends meanwhile counts as nothing.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace gamelan::cli::bench {

// Direct children, of all threads.
std::vector<pid_t> children_of(pid_t pid);

// `root` first.
std::vector<pid_t> tree_under(pid_t root);

uint64_t resident_bytes(pid_t pid);

}  // namespace gamelan::cli::bench
