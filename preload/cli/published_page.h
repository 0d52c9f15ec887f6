// preload/cli/published_page.h: the MetricsPage of another process, read from outside.
//
// Way      /proc/PID/maps finds the mapped library; its image in memory has ELF header, dynamic section and symbols, so
//          `gamelan_metrics` is found there, and process_vm_readv copies the page.  No file is opened: a replaced
//          library, another mount namespace and a chroot make no difference.
// Blocks   nothing in the target; it is not stopped, so rows may be a moment apart.
// Needs    what ptrace(2) calls PTRACE_MODE_ATTACH: same user and Yama agreeing, or CAP_SYS_PTRACE.
#pragma once
#include <sys/types.h>

#include <string>

#include "allocator/base/metrics.h"
#include "preload/cli/elf_file.h"
#include "preload/cli/result.h"

namespace gamelan::cli {

struct Snapshot {
  std::string program;  // /proc/PID/comm
  MetricsPage page;     // rows from `rows` on are zero
  uint32_t rows;        // those that both sides know
};

Result<Snapshot> read_snapshot(pid_t pid);

// The page out of raw bytes that start at its address, or why they are none.
Result<Snapshot> parse_page(Bytes bytes);

}  // namespace gamelan::cli
