// shim/io_vector.h: what is left of a vector of buffers once some bytes are done.
#pragma once
#include <limits.h>
#include <sys/uio.h>

#include "allocator/base/words.h"

namespace gamelan::io {

inline constexpr Bytes kMostBytes = 0x7ffff000;  // of one call: the kernel's MAX_RW_COUNT
inline constexpr int kMostBuffers = IOV_MAX;

inline Bytes total_of(const iovec* v, size_t n) {
  Bytes total = 0;
  for (size_t i = 0; i < n; i++) total = v[i].iov_len > kMostBytes - total ? kMostBytes : total + v[i].iov_len;
  return total;
}

// The first buffers that are not done, as many as fit: stacks may be small.
class Remaining {
 public:
  Remaining(const iovec* v, size_t n, Bytes done) {
    for (size_t i = 0; i < n && count_ < kRoom; i++) {
      const Bytes skip = min_of(done, v[i].iov_len);
      done -= skip;
      if (skip < v[i].iov_len) part_[count_++] = {static_cast<char*>(v[i].iov_base) + skip, v[i].iov_len - skip};
    }
  }
  iovec* data() { return part_; }
  size_t count() const { return count_; }

 private:
  static constexpr size_t kRoom = 16;
  iovec part_[kRoom];
  size_t count_ = 0;
};

}  // namespace gamelan::io
