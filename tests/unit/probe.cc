// tests/unit/probe.cc: two temporary files and posix_spawn.
#include "tests/unit/probe.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

namespace gamelan::test {

namespace {
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> p;
  for (const std::string& t : texts) p.push_back(const_cast<char*>(t.c_str()));
  p.push_back(nullptr);
  return p;
}

// An unnamed file that a child may inherit.
int scratch_file() {
  char name[] = "/tmp/gamelan-probe-XXXXXX";
  const int fd = mkstemp(name);
  unlink(name);
  return fd;
}

std::string whole_file(int fd) {
  std::string text;
  char buf[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, buf, sizeof buf)) > 0;) text.append(buf, static_cast<size_t>(n));
  close(fd);
  return text;
}
}  // namespace

bool Probe::has(const std::string& line) const { return ("\n" + out).find("\n" + line + "\n") != std::string::npos; }

Probe probe(const std::vector<std::string>& environment, const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {SETTINGS_PROBE};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const int out = scratch_file(), err = scratch_file();
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, out, 1);
  posix_spawn_file_actions_adddup2(&files, err, 2);
  pid_t child = -1;
  int status = -1;
  if (posix_spawn(&child, SETTINGS_PROBE, &files, nullptr, pointers(argv).data(), pointers(environment).data()) == 0)
    waitpid(child, &status, 0);
  posix_spawn_file_actions_destroy(&files);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, whole_file(out), whole_file(err)};
}

}  // namespace gamelan::test
