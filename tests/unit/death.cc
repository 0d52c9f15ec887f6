// tests/unit/death.cc: fork, a pipe for fd 2, wait.
#include "tests/unit/death.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "allocator/base/output.h"

namespace gamelan::test {

namespace {
[[noreturn]] void run_child(int words, const std::function<void()>& f) {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  signal(SIGABRT, SIG_DFL);
  dup2(words, 2);
  output::forget_stderr_test_only();
  output::remember_stderr();
  f();
  _exit(0);
}

std::string read_all(int fd) {
  std::string all;
  char buf[4096];
  for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;) all.append(buf, static_cast<size_t>(n));
  return all;
}
}  // namespace

bool End::aborted_saying(const char* text) const { return signal == SIGABRT && words.find(text) != std::string::npos; }

End end_of(const std::function<void()>& f) {
  int ends[2];
  if (pipe(ends)) return {-1, -1, "pipe failed"};
  const pid_t child = fork();
  if (child < 0) return {-1, -1, "fork failed"};
  if (child == 0) run_child(ends[1], f);
  close(ends[1]);
  End end{0, 0, read_all(ends[0])};
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) end.signal = WTERMSIG(status);
  else end.exit_code = WEXITSTATUS(status);
  return end;
}

}  // namespace gamelan::test
