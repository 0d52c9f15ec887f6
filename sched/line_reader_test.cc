#include "sched/line_reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>
#include <vector>

using namespace gamelan;

namespace {
struct Read {
  std::vector<std::string> lines;
  unsigned cut = 0;
};

Read read_back(const std::string& text) {
  char name[] = "/tmp/line_reader_test-" "XX" "XX" "XX";
  const int fd = mkstemp(name);
  cr_assert(fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(fd);
  LineReader file(name);
  unlink(name);
  Read r;
  const char* line;
  size_t n;
  while (file.next(&line, &n)) {
    r.lines.emplace_back(line, n);
    r.cut += file.was_cut();
  }
  cr_assert_not(file.next(&line, &n));
  return r;
}
}  // namespace

Test(line_reader, gives_lines_with_and_without_an_end) {
  cr_assert(read_back("").lines.empty());
  const std::vector<std::string> three = {"a", "", "bc"}, one = {"a"};
  cr_assert(read_back("a\n\nbc").lines == three);
  cr_assert(read_back("a\n").lines == one);
}

Test(line_reader, gives_many_lines_across_its_buffer) {
  std::string text;
  std::vector<std::string> lines;
  for (int i = 0; i < 3000; i++) lines.push_back(std::string(static_cast<size_t>(i * 7 % 90), 'x') + std::to_string(i));
  for (const auto& l : lines) text += l + "\n";
  cr_assert(read_back(text).lines == lines);
}

Test(line_reader, cuts_what_is_too_long_and_goes_on) {
  for (size_t n : {LineReader::kRoom - 1, LineReader::kRoom, LineReader::kRoom + 1, 5 * LineReader::kRoom}) {
    const Read r = read_back("a\n" + std::string(n, 'x') + "\nb\n");
    cr_assert_eq(r.lines.size(), 3u, "%zu: %zu", n, r.lines.size());
    cr_assert_eq(r.cut, n < LineReader::kRoom ? 0u : 1u, "%zu: %u", n, r.cut);
    cr_assert(r.lines[2] == "b");
  }
}

Test(line_reader, has_nothing_where_there_is_no_file) {
  LineReader file("/no/such/file");
  const char* line;
  size_t n;
  cr_assert_not(file.is_open());
  cr_assert_not(file.next(&line, &n));
}
