#include "allocator/base/output.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "allocator/base/environment.h"
#include "allocator/base/options.h"
#include "tests/unit/death.h"

using namespace gamelan;
using test::end_of;

namespace {
void say(const char* text) {
  Line line;
  output::write_line(line.text(text));
}

std::string text_of(const std::string& path) {
  std::string text;
  char buf[4096];
  const int fd = open(path.c_str(), O_RDONLY);
  for (ssize_t n; fd >= 0 && (n = read(fd, buf, sizeof buf)) > 0;) text.append(buf, static_cast<size_t>(n));
  close(fd);
  return text;
}
}  // namespace

Test(output, goes_to_the_stderr_of_the_start) {
  cr_assert_eq(end_of([] { say("hello"); }).words, "hello\n");
}

Test(output, says_nothing_into_a_file_that_took_over_fd_2) {
  char name[] = "/tmp/gamelan-output-XXXXXX";
  const int file = mkstemp(name);
  const auto end = end_of([&] {
    dup2(file, 2);
    say("not for you");
  });
  cr_assert_eq(end.words, "");
  cr_assert_eq(lseek(file, 0, SEEK_END), 0);
  unlink(name);
}

Test(output, says_nothing_into_another_pipe_either) {
  int ends[2];
  cr_assert_eq(pipe(ends), 0);
  cr_assert_eq(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  const auto end = end_of([&] {
    dup2(ends[1], 2);
    say("not for you");
  });
  char c;
  cr_assert_eq(end.words, "");
  cr_assert_eq(read(ends[0], &c, 1), -1);
}

Test(output, says_nothing_where_fd_2_is_closed) {
  cr_assert_eq(end_of([] {
    close(2);
    say("lost");
  }).exit_code, 0);
}

Test(output, finds_its_stderr_again_when_it_comes_back) {
  cr_assert_eq(end_of([] {
    const int kept = dup(2);
    close(2);
    say("lost");
    dup2(kept, 2);
    say("heard");
  }).words, "heard\n");
}

Test(output, log_path_wins_and_knows_the_process) {
  char folder[] = "/tmp/gamelan-output-XXXXXX";
  cr_assert(mkdtemp(folder));
  environment::find();
  strcpy(mutable_options_test_only().log_path, (std::string(folder) + "/%e.%p.log").c_str());
  const auto end = end_of([] {
    say("one");
    say("two");
  });
  cr_assert_eq(end.words, "");
  DIR* logs = opendir(folder);
  std::string name;
  while (const dirent* entry = readdir(logs))
    if (entry->d_name[0] != '.') name = entry->d_name;
  closedir(logs);
  unsigned long pid = 0;
  cr_assert_eq(sscanf(name.c_str(), (std::string(environment::program_name()) + ".%lu.log").c_str(), &pid), 1);
  cr_assert_gt(pid, 1u);
  cr_assert_eq(text_of(folder + ("/" + name)), "one\ntwo\n");
  unlink((folder + ("/" + name)).c_str());
  cr_assert_eq(rmdir(folder), 0, "there was a second log");
}

Test(output, the_log_is_close_on_exec_and_appended_to) {
  char name[] = "/tmp/gamelan-output-XXXXXX";
  close(mkstemp(name));
  strcpy(mutable_options_test_only().log_path, name);
  const int fd = output::open_log();
  cr_assert_geq(fd, 0);
  cr_assert_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
  cr_assert_eq(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
  close(fd);
  unlink(name);
}

Test(output, falls_back_to_stderr_where_the_log_cannot_be_opened) {
  cr_assert_eq(end_of([] {
    strcpy(mutable_options_test_only().log_path, "/nonexistent/folder/log");
    say("still heard");
  }).words, "still heard\n");
  cr_assert_eq(output::open_log(), -1);
}
