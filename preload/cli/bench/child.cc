#include "preload/cli/bench/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "preload/cli/bench/process_tree.h"
#include "preload/cli/preload_list.h"

namespace gamelan::cli::bench {
namespace {

// Calls `take` with every piece of a file, from its start.
template <class Take>
void for_each_piece(int fd, Take take) {
  char buffer[1 << 16];
  off_t at = 0;
  for (ssize_t got; (got = pread(fd, buffer, sizeof buffer, at)) > 0; at += got)
    take(std::string_view(buffer, static_cast<size_t>(got)));
}

std::string text_of(int fd) {
  std::string text;
  for_each_piece(fd, [&](std::string_view piece) { text += piece; });
  return text;
}

void set_environment(const Launch& launch, int figures) {
  for (const auto& [name, value] : launch.variables) setenv(name.c_str(), value.c_str(), 1);
  setenv("BENCH_FIGURES", std::to_string(figures).c_str(), 1);
  if (launch.library.empty()) return;
  const char* old = std::getenv("LD_PRELOAD");
  setenv("LD_PRELOAD", put_first(launch.library, old ? old : "").c_str(), 1);
}

}  // namespace

bool Ending::is_success() const { return WIFEXITED(status) && WEXITSTATUS(status) == 0; }

std::string Ending::described() const {
  if (WIFEXITED(status)) return fmt::format("ended with exit code {}", WEXITSTATUS(status));
  const char* name = sigabbrev_np(WTERMSIG(status));
  return fmt::format("was killed by {}", name ? fmt::format("SIG{}", name) : std::to_string(WTERMSIG(status)));
}

Child::~Child() {
  if (pid_ > 0 && !is_waited_for_) {
    kill(pid_, SIGKILL);
    wait();
  }
  for (const int fd : {pidfd_, output_, errors_, figures_})
    if (fd >= 0) close(fd);
}

std::optional<std::string> Child::start(const Launch& launch, const sigset_t& mask) {
  output_ = memfd_create("output", MFD_CLOEXEC);
  errors_ = memfd_create("errors", MFD_CLOEXEC);
  figures_ = memfd_create("figures", 0);
  int complaint[2];
  if (output_ < 0 || errors_ < 0 || figures_ < 0 || pipe2(complaint, O_CLOEXEC) != 0) return std::strerror(errno);
  pid_ = fork();
  if (pid_ == 0) become(launch, mask, complaint[1]);
  close(complaint[1]);
  int error = errno;
  const bool has_failed = pid_ < 0 || read(complaint[0], &error, sizeof error) == sizeof error;
  close(complaint[0]);
  if (has_failed) return fmt::format("{} cannot be started: {}", launch.words[0], std::strerror(error));
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  return std::nullopt;
}

void Child::become(const Launch& launch, const sigset_t& mask, int complaint) const {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  const int input = open(launch.input.c_str(), O_RDONLY);
  const bool is_ready = input >= 0 && dup2(input, 0) == 0 && dup2(output_, 1) == 1 && dup2(errors_, 2) == 2 &&
                        (launch.folder.empty() || chdir(launch.folder.c_str()) == 0);
  if (is_ready) {
    if (input > 2) close(input);
    set_environment(launch, figures_);
    std::vector<char*> words;
    for (const std::string& word : launch.words) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execvp(words[0], words.data());
  }
  const int error = errno;
  if (write(complaint, &error, sizeof error) != sizeof error) _exit(126);
  _exit(127);
}

void Child::signal(int number) const { kill(pid_, number); }

Ending Child::wait() {
  siginfo_t info;
  waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
  kill(-pid_, SIGKILL);  // while the process is a zombie, the number of its group cannot be another's
  Ending ending;
  while (wait4(pid_, &ending.status, 0, &ending.usage) < 0 && errno == EINTR) {
  }
  is_waited_for_ = true;
  return ending;
}

std::string Child::output() const { return text_of(output_); }
std::string Child::errors() const { return text_of(errors_); }
std::string Child::figures() const { return text_of(figures_); }

uint64_t Child::output_digest() const {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for_each_piece(output_, [&](std::string_view piece) {
    for (const char c : piece) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  });
  return hash;
}

void adopt_orphans() { prctl(PR_SET_CHILD_SUBREAPER, 1); }

void end_orphans() {
  for (const pid_t orphan : children_of(getpid())) {
    kill(orphan, SIGKILL);
    waitpid(orphan, nullptr, 0);
  }
}

}  // namespace gamelan::cli::bench
