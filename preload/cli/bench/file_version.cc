#include "preload/cli/bench/file_version.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>

#include "preload/cli/bench/tool.h"

namespace gamelan::cli::bench {
namespace {

// dpkg knows a merged /usr by either of its names.
std::string package_of(const std::string& path) {
  const std::string usr = "/usr";
  const std::string other = path.starts_with("/usr/") ? path.substr(usr.size()) : usr + path;
  for (const std::string& name : {path, other}) {
    const ToolRun query = run_tool({"dpkg-query", "-S", name});  // "libc6:amd64: /lib/x86_64-linux-gnu/libc.so.6"
    if (query.is_success()) return query.output.substr(0, query.output.find(':'));
  }
  return {};
}

std::string size_and_date(const std::string& path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0) return path;
  return fmt::format("{}, {} bytes of {:%Y-%m-%d %H:%M}", path, file.st_size, fmt::localtime(file.st_mtime));
}

}  // namespace

std::string file_version(const std::string& path) {
  std::error_code error;
  const std::string real = std::filesystem::canonical(path, error).string();
  const std::string package = package_of(real);
  if (package.empty()) return size_and_date(real.empty() ? path : real);
  return run_tool({"dpkg-query", "-W", "-f", "${Package} ${Version}", package}).output;
}

}  // namespace gamelan::cli::bench
