// sched/block_writer.h: many lines, gathered into few writes to where our words go.
//
// Never    allocates or locks; async-signal-safe as output.h is.
#pragma once
#include "allocator/base/output.h"
#include "allocator/base/print.h"

namespace gamelan {

class BlockWriter {
 public:
  BlockWriter() = default;
  ~BlockWriter() { flush(); }
  BlockWriter(const BlockWriter&) = delete;
  BlockWriter& operator=(const BlockWriter&) = delete;

  // Where the next piece goes, of at most kPiece bytes.
  Line& add() {
    if (block_.size() > kBlock - kPiece) flush();
    return block_;
  }
  void flush() {
    if (block_.size()) output::write_block(block_.data(), block_.size());
    block_.clear();
  }

 private:
  static constexpr size_t kBlock = 1000, kPiece = 350;
  Line block_;
};

}  // namespace gamelan
