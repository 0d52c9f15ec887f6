// preload/cli/file_view.h: a regular file's bytes, mapped read-only for as long as the view lives.
//
// Owns     the descriptor and the mapping; both are gone before a program is started (CLOEXEC besides).
// Never    blocks on what is not a regular file.
#pragma once
#include <string>

#include "preload/cli/elf_file.h"

namespace gamelan::cli {

class FileView {
 public:
  FileView() = default;
  FileView(FileView&& other) noexcept;
  FileView& operator=(FileView&& other) noexcept;
  ~FileView();

  // Returns  false, with errno, when the file cannot be opened, mapped, or is not a regular file (EISDIR, EINVAL).
  [[nodiscard]] bool open(const std::string& path);

  int descriptor() const { return descriptor_; }
  Bytes bytes() const { return bytes_; }

 private:
  void close();

  int descriptor_ = -1;
  Bytes bytes_;
};

}  // namespace gamelan::cli
