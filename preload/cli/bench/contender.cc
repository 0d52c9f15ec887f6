#include "preload/cli/bench/contender.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "preload/cli/bench/file_version.h"
#include "preload/cli/library.h"

namespace gamelan::cli::bench {
namespace {

// glibc is preloaded too: Debian's redis-server is linked against jemalloc, and libc must stand in front of that as
// every other allocator does.
const std::vector<KnownPeer> kPeers = {
    {"jemalloc", {"libjemalloc.so.2"}, "libjemalloc2"},
    {"glibc", {"libc.so.6"}, "libc6"},
    {"mimalloc", {"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so.2.0"}, "libmimalloc2.0"},
    {"tcmalloc", {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"}, "libtcmalloc-minimal4"},
};

constexpr std::string_view kFolders[] = {
    "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/local/lib", "/usr/lib"};

bool is_variable(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(),
                                      [](unsigned char c) { return std::isupper(c) || std::isdigit(c) || c == '_'; });
}

bool is_peer(std::string_view name) {
  return std::any_of(kPeers.begin(), kPeers.end(), [&](const KnownPeer& peer) { return peer.name == name; });
}

// Where "VARIABLE=" begins behind a ':' from `from` on, or npos.
size_t next_variable(std::string_view text, size_t from) {
  for (size_t colon = text.find(':', from); colon != text.npos; colon = text.find(':', colon + 1)) {
    const size_t equals = text.find('=', colon);
    if (equals != text.npos && is_variable(text.substr(colon + 1, equals - colon - 1))) return colon + 1;
  }
  return text.npos;
}

std::string_view head_of(std::string_view piece) {
  const size_t variable = next_variable(piece, 0);
  return variable == piece.npos ? piece : piece.substr(0, variable - 1);
}

bool has_path(std::string_view head) {
  const size_t equals = head.find('=');
  return equals != head.npos && equals > 0 && head.find('/', equals) != head.npos;
}

bool begins_contender(std::string_view piece) { return is_peer(head_of(piece)) || has_path(head_of(piece)); }

void add_variables(Contender& contender, std::string_view text) {
  for (size_t at = next_variable(text, 0); at != text.npos;) {
    const size_t next = next_variable(text, at);
    const std::string_view assignment = text.substr(at, next == text.npos ? text.npos : next - 1 - at);
    const size_t equals = assignment.find('=');
    contender.variables[std::string(assignment.substr(0, equals))] = assignment.substr(equals + 1);
    at = next;
  }
}

Contender parse_one(std::string_view text) {
  Contender contender;
  contender.name = text;
  const std::string_view head = head_of(text);
  if (has_path(head)) {
    contender.name = head.substr(0, head.find('='));
    contender.library = head.substr(head.find('=') + 1);
  }
  add_variables(contender, text);
  return contender;
}

Failure unknown(std::string_view word) {
  std::vector<std::string_view> names;
  for (const KnownPeer& peer : kPeers) names.push_back(peer.name);
  return {kExitUsage,
          fmt::format("bench: --against: '{}' is no allocator; want {}, NAME=PATH, each with :VARIABLE=VALUE", word,
                      fmt::join(names, ", "))};
}

std::string find_file(const KnownPeer& peer) {
  for (const std::string_view file : peer.files)
    for (const std::string_view folder : kFolders)
      if (const std::string path = fmt::format("{}/{}", folder, file); access(path.c_str(), R_OK) == 0) return path;
  return {};
}

}  // namespace

const KnownPeer* find_known(const Contender& contender) {
  const std::string_view name = head_of(contender.name);
  const auto peer = std::find_if(kPeers.begin(), kPeers.end(), [&](const KnownPeer& p) { return p.name == name; });
  return peer == kPeers.end() ? nullptr : &*peer;
}

Result<std::vector<Contender>> parse_contenders(std::string_view list) {
  std::vector<std::string> texts;
  for (size_t at = 0; at <= list.size();) {
    const std::string_view piece = list.substr(at, list.find(',', at) - at);
    if (begins_contender(piece))
      texts.emplace_back(piece);
    else if (!texts.empty() && next_variable(texts.back(), 0) != std::string::npos)
      texts.back().append(",").append(piece);
    else
      return unknown(piece);
    at += piece.size() + 1;
  }
  std::vector<Contender> contenders;
  for (const std::string& text : texts) contenders.push_back(parse_one(text));
  return contenders;
}

std::optional<std::string> locate(Contender& contender) {
  if (contender.library.empty()) {
    const KnownPeer& peer = *find_known(contender);
    contender.library = find_file(peer);
    if (contender.library.empty()) return fmt::format("is not installed: apt-get install {}", peer.package);
  }
  std::error_code error;
  contender.library = std::filesystem::absolute(contender.library, error).lexically_normal();
  if (const std::string why = why_not_loadable(contender.library); !why.empty())
    return fmt::format("cannot be preloaded: {} {}", contender.library, why);
  contender.version = file_version(contender.library);
  return std::nullopt;
}

}  // namespace gamelan::cli::bench
