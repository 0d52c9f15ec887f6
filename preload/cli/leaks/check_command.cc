// preload/cli/leaks/check_command.cc: `gamelan check PID`: a leak check of a process that goes on.
//
// How      the process runs with GAMELAN_GC=leak and has a memory file for reports among its descriptors. It is sent the library's own
//          signal with the cookie that asks for a check, again until the file says that one has begun, and the file is read until
//          the report's last line is there. The library looks in a frozen copy (gc/live_check.h).
// Code     --exit-code (23) where there are leaks, 1: no such process, not in leak mode, no permission, no answer.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/leaks/report_options.h"

namespace gamelan::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kSignal = 32;                    // sched/signals.h kOurs
constexpr uintptr_t kCheck = 0x676d6c6e10, kReap = 0x676d6c6e20;  // sched/preempt.cc kCookieCheck, kCookieReap

Failure cannot(pid_t pid, std::string_view why) { return {kExitNegative, fmt::format("process {}: {}", pid, why)}; }

class ReportFile {
 public:
  explicit ReportFile(const fs::path& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~ReportFile() {
    if (fd_ >= 0) close(fd_);
  }
  ReportFile(const ReportFile&) = delete;
  ReportFile& operator=(const ReportFile&) = delete;
  bool is_open() const { return fd_ >= 0; }

  std::string text() const {
    std::string all;
    char room[65536];
    for (ssize_t n; (n = pread(fd_, room, sizeof room, static_cast<off_t>(all.size()))) > 0;) all.append(room, static_cast<size_t>(n));
    return all;
  }

 private:
  int fd_;
};

// The number in "check N begun"; 0: none has begun yet.
unsigned number_of(const std::string& text) {
  constexpr std::string_view kBegin = "check ";
  unsigned n = 0;
  if (text.starts_with(kBegin)) std::from_chars(text.data() + kBegin.size(), text.data() + text.size(), n);
  return n;
}

bool is_complete(const std::string& text) {
  return text.ends_with('\n') && (text.find(": leaks as checked in ") != text.npos || text.find(": no leak check: ") != text.npos);
}

Result<fs::path> find_report(pid_t pid) {
  if (kill(pid, 0) != 0 && errno == ESRCH) return cannot(pid, "no such process");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), error)) {
    std::error_code ignored;
    if (fs::read_symlink(entry.path(), ignored).string().starts_with("/memfd:gamelan-leaks")) return entry.path();
  }
  return cannot(pid, error ? error.message() : "it does not run with GAMELAN_GC=leak");
}

bool ask(pid_t pid, uintptr_t cookie) {
  siginfo_t info{};
  info.si_signo = kSignal;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid();
  info.si_uid = getuid();
  info.si_value.sival_ptr = reinterpret_cast<void*>(cookie);
  return syscall(SYS_rt_sigqueueinfo, pid, kSignal, &info) == 0;
}

// The copy that looked is the process' child, and ends about now.
void let_go(pid_t pid) {
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(10ms);
    if (!ask(pid, kReap)) return;
  }
}

Result<std::string> checked(pid_t pid, const ReportFile& file, std::chrono::seconds patience) {
  const unsigned before = number_of(file.text());
  auto asked_at = Clock::time_point{};
  for (const auto until = Clock::now() + patience; Clock::now() < until; std::this_thread::sleep_for(10ms)) {
    const std::string text = file.text();
    const bool has_begun = number_of(text) > before;
    if (has_begun && is_complete(text)) return let_go(pid), text.substr(text.find('\n') + 1);
    if (has_begun || Clock::now() - asked_at < 200ms) continue;
    asked_at = Clock::now();
    if (!ask(pid, kCheck)) return cannot(pid, std::strerror(errno));
  }
  return cannot(pid, fmt::format("no report within {} s", patience.count()));
}

}  // namespace

int check_command(const Words& words) {
  CommandLine line("check");
  ReportOptions options;
  pid_t pid = 0;
  int patience = 120;
  declare(line.options(), options);
  line.options().add_option("--timeout", patience, "give up after so many seconds")->type_name("S")->check(CLI::Range(1, 86400));
  line.options().add_option("PID", pid, "a process that runs with GAMELAN_GC=leak")->required()->check(whole_number_above_0());
  if (const auto code = line.parse(words)) return *code;

  const Result<std::vector<Suppression>> rules = read_suppressions(options);
  if (!rules) return report(rules.failure());
  const Result<fs::path> path = find_report(pid);
  if (!path) return report(path.failure());
  const ReportFile file(*path);
  if (!file.is_open()) return report(cannot(pid, std::strerror(errno)));
  const Result<std::string> text = checked(pid, file, std::chrono::seconds(patience));
  if (!text) return report(text.failure());
  std::vector<ProcessFindings> findings = parse_findings(*text);
  for (ProcessFindings& process : findings) process.pid = pid;  // the copy that looked has another
  const Result<uint64_t> left = tell(options, std::move(findings), *rules);
  if (!left) return report(left.failure());
  return *left ? options.exit_code : kExitOk;
}

}  // namespace gamelan::cli
