#include "preload/cli/bench/machine.h"

#include <fmt/format.h>
#include <gnu/libc-version.h>
#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace gamelan::cli::bench {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

int allowed_processors() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
}

std::string kernel_release() {
  utsname name;
  return uname(&name) == 0 ? name.release : "unknown";
}

// The word in brackets of "always [madvise] never".
std::string huge_page_mode() {
  std::ifstream file("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(file, line);
  const size_t open = line.find('['), close = line.find(']');
  return open == line.npos || close == line.npos ? "none" : line.substr(open + 1, close - open - 1);
}

}  // namespace

Machine this_machine() {
  Machine machine;
  machine.processor = processor_name();
  machine.processors = allowed_processors();
  machine.memory_gib =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE)) / (1 << 30);
  machine.kernel = kernel_release();
  machine.libc = gnu_get_libc_version();
  machine.huge_pages = huge_page_mode();
  if (getloadavg(&machine.load, 1) != 1) machine.load = 0;
  return machine;
}

std::string described(const Machine& machine) {
  return fmt::format("{} x {}, {:.0f} GiB, Linux {}, glibc {}, huge pages {}, load {:.2f}", machine.processors,
                     machine.processor, machine.memory_gib, machine.kernel, machine.libc, machine.huge_pages,
                     machine.load);
}

}  // namespace gamelan::cli::bench
