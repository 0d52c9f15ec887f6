#include "preload/cli/search_path.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

namespace gamelan::cli {
namespace {

constexpr char kDefaultSearchPath[] = "/bin:/usr/bin";  // confstr(_CS_PATH), which execvp falls back to

Failure cannot_reach(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) return {kExitNotFound, fmt::format("{}: no such file", path)};
  return {kExitCannotPreload, fmt::format("{}: cannot be reached: {}", path, std::strerror(error))};
}

std::string why_not_executable(const std::string& path, mode_t mode) {
  struct statvfs mount;
  if (statvfs(path.c_str(), &mount) == 0 && (mount.f_flag & ST_NOEXEC))
    return "its file system is mounted noexec; want it on one that allows execution";
  if ((mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) return "is not executable; want execute permission (chmod +x)";
  return "is not executable by this user; want execute permission for it";
}

bool is_seen(const std::string& path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0;
}

}  // namespace

std::vector<std::string> split_search_path(const char* value) {
  const std::string text = value ? value : kDefaultSearchPath;
  std::vector<std::string> directories;
  for (size_t at = 0;;) {
    const size_t colon = text.find(':', at);
    directories.push_back(text.substr(at, colon - at));
    if (colon == std::string::npos) return directories;
    at = colon + 1;
  }
}

Result<std::string> check_executable(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0) return cannot_reach(path, errno);
  if (S_ISDIR(status.st_mode)) return Failure{kExitCannotPreload, path + ": is a directory; want a program"};
  if (!S_ISREG(status.st_mode)) return Failure{kExitCannotPreload, path + ": is not a regular file; want a program"};
  if (faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return path;
  return Failure{kExitCannotPreload, fmt::format("{}: {}", path, why_not_executable(path, status.st_mode))};
}

Result<std::string> find_program(const std::string& name, const std::vector<std::string>& directories) {
  if (name.find('/') != std::string::npos) return check_executable(name);
  std::optional<Failure> not_permitted;
  if (!name.empty()) {
    for (const std::string& directory : directories) {
      const std::string candidate = directory.empty() ? "./" + name : directory + "/" + name;
      const Result<std::string> found = check_executable(candidate);
      if (found) return found;
      // execvp answers EACCES also for a directory that cannot be entered; that tells the user nothing
      if (!not_permitted && is_seen(candidate)) not_permitted = found.failure();
    }
  }
  if (not_permitted) return *not_permitted;
  return Failure{kExitNotFound, fmt::format("{}: not found in PATH", name.empty() ? "''" : name)};
}

}  // namespace gamelan::cli
