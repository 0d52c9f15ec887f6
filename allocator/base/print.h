// allocator/base/print.h: one line of text, built on the stack and written with one system call.
//
// Owns     `Line`, at most 1000 bytes; what does not fit is cut. No allocation, no locale, async-signal-safe.
// Where    diagnostics go is `output`'s business (output.h).
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace gamelan {

class Line {
 public:
  Line& text(const char* s);
  Line& text(const char* s, size_t n);
  Line& dec(uint64_t n);
  Line& signed_dec(int64_t n);
  Line& hex(uint64_t n);               // with 0x
  Line& fixed(uint64_t thousandths);   // 1234 -> 1.234
  Line& prefix();                      // "gamelan[pid]: "
  const char* data() const { return buf_; }
  size_t size() const { return size_; }
  const char* c_str();
  void clear() { size_ = 0; }

 private:
  char buf_[1001];
  size_t size_ = 0;
};

}  // namespace gamelan
