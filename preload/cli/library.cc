#include "preload/cli/library.h"

#include <elf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "preload/cli/file_view.h"
#include "preload/cli/preload_list.h"

namespace gamelan::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> candidates() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  std::vector<std::string> paths;
  for (const char* place :
       {".", "../lib/gamelan", "../lib/x86_64-linux-gnu/gamelan", "../lib", "../lib/x86_64-linux-gnu"})
    if (!error) paths.push_back((self.parent_path() / place / kLibraryName).lexically_normal());
  paths.push_back(std::string("/usr/lib/x86_64-linux-gnu/") + kLibraryName);
  return paths;
}

Result<std::string> locate() {
  if (const char* named = std::getenv("GAMELAN_LIB"); named && *named) {
    std::error_code error;
    return fs::absolute(named, error).lexically_normal().string();
  }
  const std::vector<std::string> paths = candidates();
  for (const std::string& path : paths)
    if (access(path.c_str(), F_OK) == 0) return path;
  return Failure{kExitOurFailure, fmt::format("cannot find {}; looked for {}; set GAMELAN_LIB to its path",
                                              kLibraryName, fmt::join(paths, ", "))};
}

}  // namespace

std::string why_not_loadable(const std::string& path) {
  FileView view;
  if (!view.open(path)) return fmt::format("cannot be read ({})", std::strerror(errno));
  const auto elf = parse_elf(view.bytes());
  if (!elf || elf->type != ET_DYN || !elf->is_64_bit || elf->machine != EM_X86_64 || elf->is_damaged)
    return "is not a shared library for x86-64";
  struct statvfs mount;
  if (fstatvfs(view.descriptor(), &mount) == 0 && (mount.f_flag & ST_NOEXEC)) return "is on a noexec file system";
  if (!fits_preload_list(path)) return "has a space or colon in its path, which LD_PRELOAD cannot hold";
  return {};
}

Result<std::string> find_library() {
  const Result<std::string> path = locate();
  if (!path) return path;
  const std::string why = why_not_loadable(*path);
  if (why.empty()) return path;
  return Failure{kExitOurFailure,
                 fmt::format("cannot preload {}: it {}; want another one (GAMELAN_LIB=PATH)", *path, why)};
}

}  // namespace gamelan::cli
