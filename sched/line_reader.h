// sched/line_reader.h: a small text file, line by line, by raw system calls and without memory of its own.
//
// Never    allocates or locks. A line longer than the buffer is given in its first kRoom bytes, the rest is passed over.
#pragma once
#include <fcntl.h>

#include "allocator/base/mem.h"
#include "allocator/base/syscall.h"

namespace gamelan {

class LineReader {
 public:
  static constexpr size_t kRoom = 1024;

  explicit LineReader(const char* path)
      : fd_(static_cast<int>(sys::call(SYS_openat, AT_FDCWD, reinterpret_cast<long>(path), O_RDONLY | O_CLOEXEC, 0))) {}
  ~LineReader() {
    if (fd_ >= 0) sys::call(SYS_close, fd_);
  }
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  bool is_open() const { return fd_ >= 0; }

  // The line is the reader's until the next call. False: there is none.
  bool next(const char** line, size_t* length) {
    if (fd_ < 0) return false;
    for (;;) {
      size_t i = from_;
      while (i < have_ && buffer_[i] != '\n') i++;
      const bool whole = i < have_, full = i - from_ == kRoom;
      if (!whole && !full) {
        if (fill()) continue;
        i = have_;  // the last line has no end
      }
      const bool any = whole || i > from_, rest = in_long_line_;
      *line = buffer_ + from_;
      *length = i - from_;
      from_ = whole ? i + 1 : i;
      in_long_line_ = full && !whole;
      if (!any) return false;
      if (!rest) return true;
    }
  }
  bool was_cut() const { return in_long_line_; }  // the line that next() gave last

 private:
  // More bytes, behind what is not read yet. False: the end.
  bool fill() {
    have_ -= from_;
    mem::move(buffer_, buffer_ + from_, have_);
    from_ = 0;
    const long n = sys::call(SYS_read, fd_, reinterpret_cast<long>(buffer_ + have_), static_cast<long>(kRoom - have_));
    if (n <= 0) return false;
    have_ += static_cast<size_t>(n);
    return true;
  }

  int fd_;
  size_t from_ = 0, have_ = 0;
  bool in_long_line_ = false;
  char buffer_[kRoom];
};

}  // namespace gamelan
