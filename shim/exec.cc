// shim/exec.cc: exec(3) while our signal may be on its way.
//
// A signal that is pending for the thread outlives exec(2), and its handler does not: number 32 would end the new image.
// It is ignored from here on, which also drops one that is pending; the new image, if it runs under us, installs its
// handler when it starts goroutines. An exec that fails puts ours back.
// Source   execve(2), signal(7).
#include <stdarg.h>
#include <unistd.h>

#include <initializer_list>

#include "sched/preempt.h"
#include "sched/sched.h"
#include "shim/next.h"

using namespace gamelan;

namespace {
class WithoutOurSignal {
 public:
  WithoutOurSignal() : started_(sched::is_started() || world::is_watched) {
    if (started_) preempt::ignore();
  }
  ~WithoutOurSignal() {
    if (started_) preempt::install();
  }

 private:
  bool started_;
};

// The arguments of execl and its kin, as an array on the stack: {count, all up to the null pointer}.
size_t count_of(va_list list) {
  size_t n = 1;
  while (va_arg(list, const char*)) n++;
  return n;
}

void collect(const char** argv, const char* first, va_list list) {
  argv[0] = first;
  for (size_t i = 0; argv[i]; i++) argv[i + 1] = va_arg(list, const char*);
}
}  // namespace

GAMELAN_EXPORT int execve(const char* path, char* const argv[], char* const env[]) {
  static constinit Next<int (*)(const char*, char* const*, char* const*)> next{"execve"};
  WithoutOurSignal without;
  return next.get()(path, argv, env);
}

GAMELAN_EXPORT int execv(const char* path, char* const argv[]) { return execve(path, argv, environ); }

GAMELAN_EXPORT int execvpe(const char* file, char* const argv[], char* const env[]) {
  static constinit Next<int (*)(const char*, char* const*, char* const*)> next{"execvpe"};
  WithoutOurSignal without;
  return next.get()(file, argv, env);
}

GAMELAN_EXPORT int execvp(const char* file, char* const argv[]) { return execvpe(file, argv, environ); }

GAMELAN_EXPORT int fexecve(int fd, char* const argv[], char* const env[]) {
  static constinit Next<int (*)(int, char* const*, char* const*)> next{"fexecve"};
  WithoutOurSignal without;
  return next.get()(fd, argv, env);
}

GAMELAN_EXPORT int execveat(int dir, const char* path, char* const argv[], char* const env[], int flags) {
  static constinit Next<int (*)(int, const char*, char* const*, char* const*, int)> next{"execveat"};
  WithoutOurSignal without;
  return next.get()(dir, path, argv, env, flags);
}

#define COLLECT(argv, first)                                        \
  va_list list;                                                     \
  va_start(list, first);                                            \
  const char** argv = static_cast<const char**>(__builtin_alloca((count_of(list) + 1) * sizeof(char*))); \
  va_end(list);                                                     \
  va_start(list, first);                                            \
  collect(argv, first, list);

GAMELAN_EXPORT int execl(const char* path, const char* first, ...) {
  COLLECT(argv, first)
  va_end(list);
  return execve(path, const_cast<char* const*>(argv), environ);
}

GAMELAN_EXPORT int execlp(const char* file, const char* first, ...) {
  COLLECT(argv, first)
  va_end(list);
  return execvpe(file, const_cast<char* const*>(argv), environ);
}

GAMELAN_EXPORT int execle(const char* path, const char* first, ...) {
  COLLECT(argv, first)
  char* const* env = va_arg(list, char* const*);  // stands behind the null pointer
  va_end(list);
  return execve(path, const_cast<char* const*>(argv), env);
}
