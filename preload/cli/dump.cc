// preload/cli/dump.cc: `gamelan dump PID`: asks a running program for a goroutine dump, which it writes where its words go.
//
// How      the program was started with dump_on=SIGNAL and has begun to run goroutines: its handler stands, and the signal is
//          sent. Nothing is sent to a process that would not catch it: most signals end one.
#include <fmt/format.h>
#include <signal.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/published_page.h"

namespace gamelan::cli {
namespace {

std::string read_proc(pid_t pid, const char* name) {
  std::ifstream file(fmt::format("/proc/{}/{}", pid, name));
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class N>
std::optional<N> number_in(std::string_view text, int base) {
  N n{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, base);
  return error == std::errc{} ? std::optional(n) : std::nullopt;
}

// The last dump_on=N of the GAMELAN_OPTIONS that it was started with.
int signal_for_dumps(pid_t pid) {
  const std::string environment = '\0' + read_proc(pid, "environ");
  constexpr std::string_view kVariable("\0GAMELAN_OPTIONS=", 17), kOption = "dump_on=";
  const size_t from = environment.find(kVariable);
  if (from == environment.npos) return 0;
  const std::string options = ":" + std::string(environment.c_str() + from + kVariable.size());
  const size_t at = options.rfind(":" + std::string(kOption));
  return at == options.npos ? 0 : number_in<int>(std::string_view(options).substr(at + 1 + kOption.size()), 10).value_or(0);
}

bool catches(pid_t pid, int signal) {
  const std::string status = read_proc(pid, "status");
  constexpr std::string_view kCaught = "SigCgt:\t";
  const size_t at = status.find(kCaught);
  if (at == status.npos) return false;
  const auto mask = number_in<uint64_t>(std::string_view(status).substr(at + kCaught.size()), 16).value_or(0);
  return signal >= 1 && signal <= 64 && (mask >> (signal - 1) & 1);
}

Failure cannot(pid_t pid, std::string_view why) { return {kExitNegative, fmt::format("process {}: {}", pid, why)}; }

int ask(pid_t pid) {
  const Result<Snapshot> now = read_snapshot(pid);
  if (!now) return report(cannot(pid, now.failure().text));
  const int signal = signal_for_dumps(pid);
  if (!signal) return report(cannot(pid, "it was not started with the option dump_on=SIGNAL"));
  if (!now->page.value[static_cast<size_t>(Metric::machines)]) return report(cannot(pid, "it runs no goroutines"));
  if (!catches(pid, signal)) return report(cannot(pid, fmt::format("it does not catch signal {}", signal)));
  if (kill(pid, signal) != 0) return report(cannot(pid, std::strerror(errno)));
  return kExitOk;
}

}  // namespace

int dump_command(const Words& words) {
  CommandLine line("dump");
  pid_t pid = 0;
  line.options().add_option("PID", pid, "a process that was started with -o dump_on=SIGNAL")->required()->check(whole_number_above_0());
  if (const auto code = line.parse(words)) return *code;
  return ask(pid);
}

}  // namespace gamelan::cli
