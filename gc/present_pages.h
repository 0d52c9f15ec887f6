// gc/present_pages.h: the pages of a mapping that have memory behind them: the others are not touched by looking.
//
// Source   proc(5), /proc/PID/pagemap: bit 63 present, 62 swapped, 61 a page of a file (or of shared memory).
#pragma once
#include <fcntl.h>

#include "allocator/base/syscall.h"

namespace gamelan::gc {

class PresentPages {
 public:
  PresentPages() : fd_(sys::call(SYS_open, reinterpret_cast<long>("/proc/self/pagemap"), O_RDONLY | O_CLOEXEC)) {}
  ~PresentPages() {
    if (!sys::is_error(fd_)) sys::call(SYS_close, fd_);
  }
  PresentPages(const PresentPages&) = delete;
  PresentPages& operator=(const PresentPages&) = delete;

  enum Which { kAll, kWritten };  // kWritten: of a private mapping of a file, those that are no longer the file's
  // f(low, high) of each run. Without /proc: the mapping as a whole.
  template <class F>
  void for_each(uintptr_t low, uintptr_t high, Which which, F f) const {
    constexpr uint64_t kPresent = uint64_t{3} << 62, kOfFile = uint64_t{1} << 61;
    constexpr size_t kBatch = 512;
    uint64_t pages[kBatch];
    uintptr_t run = 0;
    for (uintptr_t at = low; at < high;) {
      const size_t n = min_of<size_t>(kBatch, (high - at) / kOsPageSize);
      const long got = sys::is_error(fd_) ? -1 : sys::call(SYS_pread64, fd_, reinterpret_cast<long>(pages), static_cast<long>(n * 8), static_cast<long>(at / kOsPageSize * 8));
      if (got <= 0) return f(run ? run : at, high);
      for (size_t i = 0; i < static_cast<size_t>(got) / 8; i++, at += kOsPageSize) {
        const bool wanted = (pages[i] & kPresent) && !(which == kWritten && (pages[i] & kOfFile));
        if (wanted && !run) run = at;
        if (!wanted && run) f(run, at), run = 0;
      }
    }
    if (run) f(run, high);
  }

 private:
  long fd_;
};

}  // namespace gamelan::gc
