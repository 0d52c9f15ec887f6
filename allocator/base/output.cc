// allocator/base/output.cc: fd 2 while it is the one we started with, else log_path, else nowhere.
#include "allocator/base/output.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "allocator/base/environment.h"
#include "allocator/base/options.h"
#include "allocator/base/syscall.h"

namespace gamelan::output {

int (*other_stderr)() = nullptr;

namespace {
constinit int only = -1;
}  // namespace

void only_to(int fd) { only = fd; }

namespace {
// First in the page of GAMELAN_LOAD_TIME, by link order.
struct Identity {
  uint64_t dev, ino;
  bool known;
};
alignas(kOsPageSize) GAMELAN_LOAD_TIME constinit Identity at_start = {0, 0, false};

bool identity_of_stderr(uint64_t* dev, uint64_t* ino) {
  struct stat st;
  if (sys::is_error(sys::call(SYS_fstat, 2, reinterpret_cast<long>(&st)))) return false;
  *dev = st.st_dev;
  *ino = st.st_ino;
  return true;
}

bool stderr_is_still_ours() {
  uint64_t dev = 0, ino = 0;
  return at_start.known && identity_of_stderr(&dev, &ino) && dev == at_start.dev && ino == at_start.ino;
}

void write_all(int fd, const char* p, size_t n) {
  while (n) {
    const long r = sys::call(SYS_write, fd, reinterpret_cast<long>(p), static_cast<long>(n));
    if (r == -4 /* EINTR */) continue;
    if (r <= 0) return;
    p += r;
    n -= static_cast<size_t>(r);
  }
}
}  // namespace

void remember_stderr() {
  if (!at_start.known) at_start.known = identity_of_stderr(&at_start.dev, &at_start.ino);
}

void forget_stderr_test_only() { at_start.known = false; }

int open_log() {
  const char* pattern = options().log_path;
  if (!pattern[0]) return -1;
  Line path;
  for (const char* p = pattern; *p; p++) {
    if (p[0] == '%' && p[1] == 'p') { path.dec(static_cast<uint64_t>(sys::current_pid())); p++; }
    else if (p[0] == '%' && p[1] == 'e') { path.text(environment::program_name()); p++; }
    else path.text(p, 1);
  }
  const long fd = sys::call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path.c_str()),
                            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  return sys::is_error(fd) ? -1 : static_cast<int>(fd);
}

void write_block(const char* text, size_t n) {
  if (only >= 0) return write_all(only, text, n);
  const int log = open_log();
  if (log >= 0) {
    write_all(log, text, n);
    sys::call(SYS_close, log);
    return;
  }
  if (stderr_is_still_ours()) return write_all(2, text, n);
  if (other_stderr && other_stderr() >= 0) write_all(other_stderr(), text, n);
}

void write_line(Line& line) {
  line.text("\n");
  write_block(line.data(), line.size());
}

}  // namespace gamelan::output
