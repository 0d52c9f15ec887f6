#include "preload/cli/published_page.h"

#include <fmt/format.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#include "preload/cli/memory_map.h"

namespace gamelan::cli {
namespace {

constexpr char kSymbol[] = "gamelan_metrics";
constexpr uint64_t kImageLimit = 256ull << 20;  // far above any build of ours; keeps a hostile maps file harmless

Failure no_such_process() { return {kExitNegative, "no such process"}; }

Failure not_under_gamelan() { return {kExitNegative, "is not running under gamelan"}; }

Failure no_permission() {
  std::string scope;
  std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
  const std::string yama =
      scope.empty() || scope == "0" ? "" : fmt::format(" (kernel.yama.ptrace_scope is {}, want 0)", scope);
  return {kExitNegative,
          "no permission to read its memory; want the same user with ptrace allowed, or CAP_SYS_PTRACE" + yama};
}

Failure failure_of(int error) {
  switch (error) {
    case ENOENT:
    case ESRCH: return no_such_process();
    case EPERM:
    case EACCES: return no_permission();
    case EFAULT: return not_under_gamelan();  // the process has just executed something else
    default: return {kExitOurFailure, fmt::format("cannot read its memory: {}", std::strerror(error))};
  }
}

// A file of /proc, whole.  Returns an errno instead when it cannot be read.
struct ProcText {
  int error = 0;
  std::string text;
};

ProcText read_proc(pid_t pid, const char* name) {
  errno = 0;
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name));
  if (!file) return {errno, ""};
  ProcText found{0, std::string(std::istreambuf_iterator<char>(file), {})};
  if (file.bad()) found.error = errno;
  return found;
}

// Returns  the bytes read, less than asked for at the end of what is mapped, or -1 with errno.
ssize_t read_memory(pid_t pid, uint64_t address, std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address), into.size()};
  return process_vm_readv(pid, &local, 1, &remote, 1, 0);
}

// The library as it lies in memory, gaps zero.  Where a range cannot be read, nothing: errno says why.
std::optional<std::vector<std::byte>> read_image(pid_t pid, const std::vector<MappedRange>& ranges) {
  const uint64_t base = ranges.front().start;
  std::vector<std::byte> image(std::min(ranges.back().end - base, kImageLimit));
  for (const MappedRange& range : ranges) {
    if (!range.is_readable || range.end - base > image.size()) continue;
    const std::span part = std::span(image).subspan(range.start - base, range.end - range.start);
    if (read_memory(pid, range.start, part) < 0) return std::nullopt;
  }
  return image;
}

std::optional<uint64_t> find_page(Bytes image, uint64_t base) {
  const auto elf = parse_elf(image, ElfLayout{true, base});
  return elf ? find_export(image, *elf, kSymbol) : std::nullopt;
}

}  // namespace

Result<Snapshot> parse_page(Bytes bytes) {
  Snapshot snapshot{};
  std::memcpy(&snapshot.page, bytes.data(), std::min(bytes.size(), sizeof(MetricsPage)));
  if (bytes.size() < offsetof(MetricsPage, value) || snapshot.page.magic != kMetricsMagic)
    return Failure{kExitNegative, "its libgamelan.so has published no counters"};
  if (snapshot.page.version != kMetricsVersion)
    return Failure{kExitNegative,
                   fmt::format("its libgamelan.so publishes version {} of the counters, this gamelan reads {}; "
                               "want the gamelan that belongs to it",
                               snapshot.page.version, kMetricsVersion)};
  const size_t whole = (std::min(bytes.size(), sizeof(MetricsPage)) - offsetof(MetricsPage, value)) / sizeof(uint64_t);
  snapshot.rows =
      std::min<uint32_t>({snapshot.page.count, static_cast<uint32_t>(Metric::kCount), static_cast<uint32_t>(whole)});
  std::fill(std::begin(snapshot.page.value) + snapshot.rows, std::end(snapshot.page.value), 0);
  return snapshot;
}

Result<Snapshot> read_snapshot(pid_t pid) {
  const ProcText maps = read_proc(pid, "maps");
  if (maps.error) return failure_of(maps.error);
  const auto ranges = ranges_of_library(parse_maps(maps.text));
  if (ranges.empty()) return not_under_gamelan();
  const auto image = read_image(pid, ranges);
  if (!image) return failure_of(errno);
  const uint64_t base = ranges.front().start;
  const auto symbol = find_page(*image, base);
  if (!symbol) return not_under_gamelan();

  std::vector<std::byte> bytes(sizeof(MetricsPage));
  const ssize_t size = read_memory(pid, base + *symbol, bytes);
  if (size < 0) return failure_of(errno);
  Result<Snapshot> snapshot = parse_page(Bytes(bytes.data(), static_cast<size_t>(size)));
  if (snapshot) {
    snapshot->program = read_proc(pid, "comm").text;
    snapshot->program.resize(std::min(snapshot->program.size(), snapshot->program.find('\n')));
  }
  return snapshot;
}

}  // namespace gamelan::cli
