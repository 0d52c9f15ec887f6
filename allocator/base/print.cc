// allocator/base/print.cc: number formatting for `Line`.
#include "allocator/base/print.h"

#include "allocator/base/syscall.h"

namespace gamelan {

Line& Line::text(const char* s, size_t n) {
  for (size_t i = 0; i < n && size_ < sizeof buf_ - 1; i++) buf_[size_++] = s[i];
  return *this;
}

Line& Line::text(const char* s) {
  size_t n = 0;
  while (s[n]) n++;
  return text(s, n);
}

Line& Line::dec(uint64_t n) {
  char digits[20];
  int i = 20;
  do digits[--i] = static_cast<char>('0' + n % 10);
  while (n /= 10);
  return text(digits + i, static_cast<size_t>(20 - i));
}

Line& Line::signed_dec(int64_t n) {
  if (n >= 0) return dec(static_cast<uint64_t>(n));
  return text("-").dec(-static_cast<uint64_t>(n));
}

Line& Line::hex(uint64_t n) {
  char digits[16];
  int i = 16;
  do digits[--i] = "0123456789abcdef"[n & 15];
  while (n >>= 4);
  return text("0x").text(digits + i, static_cast<size_t>(16 - i));
}

Line& Line::fixed(uint64_t thousandths) {
  dec(thousandths / 1000).text(".");
  const uint64_t r = thousandths % 1000;
  if (r < 100) text("0");
  if (r < 10) text("0");
  return dec(r);
}

Line& Line::prefix() { return text("gamelan[").dec(static_cast<uint64_t>(sys::current_pid())).text("]: "); }

const char* Line::c_str() {
  buf_[size_] = 0;
  return buf_;
}

}  // namespace gamelan
