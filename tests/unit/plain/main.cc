// tests/unit/plain/main.cc: runs every test in a fork of its own.
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/plain/criterion/criterion.h"

namespace plain {

namespace {
constinit TestCase* first = nullptr;

bool run(const TestCase& t) {
  fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    alarm(static_cast<unsigned>(t.options.timeout) * 10);  // sanitizers are slow
    t.body();
    exit(0);  // not _exit: the sanitizer reports at exit
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
}  // namespace

TestCase::TestCase(const char* suite_, const char* name_, void (*body_)(), TestOptions options_)
    : suite(suite_), name(name_), body(body_), options(options_), next(first) {
  first = this;
}

void fail() { exit(1); }

}  // namespace plain

int main(int argc, char** argv) {
  FILE* tap = nullptr;
  for (int i = 1; i < argc; i++)
    if (!strncmp(argv[i], "--tap=", 6)) tap = fopen(argv[i] + 6, "w");
  int tested = 0, failing = 0;
  for (const plain::TestCase* t = plain::first; t; t = t->next) {
    const bool ok = plain::run(*t);
    tested++;
    failing += !ok;
    if (!ok) fprintf(stderr, "[FAIL] %s::%s\n", t->suite, t->name);
    if (tap) fprintf(tap, "%s - %s::%s\n", ok ? "ok" : "not ok", t->suite, t->name);
  }
  fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d\n", tested, tested - failing, failing);
  if (tap) fclose(tap);
  return failing != 0;
}
