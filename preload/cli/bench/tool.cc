#include "preload/cli/bench/tool.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "preload/cli/bench/child.h"

namespace gamelan::cli::bench {
namespace {

// A file in memory that holds `text`; the caller closes it.
int file_with(const std::string& text) {
  const int fd = memfd_create("input", MFD_CLOEXEC);
  for (size_t at = 0; at < text.size();) {
    const ssize_t written = write(fd, text.data() + at, text.size() - at);
    if (written <= 0) break;
    at += static_cast<size_t>(written);
  }
  return fd;
}

}  // namespace

ToolRun run_tool(const std::vector<std::string>& words, const std::string& input) {
  const int fd = file_with(input);
  sigset_t mask;
  sigprocmask(SIG_BLOCK, nullptr, &mask);
  Child tool;
  const auto failure = tool.start({words, "", {}, "", fmt::format("/proc/self/fd/{}", fd)}, mask);
  close(fd);
  if (failure) return {-1, "", *failure};
  const Ending ending = tool.wait();
  return {WIFEXITED(ending.status) ? WEXITSTATUS(ending.status) : -1, tool.output(), tool.errors()};
}

}  // namespace gamelan::cli::bench
