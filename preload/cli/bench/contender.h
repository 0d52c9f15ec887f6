// preload/cli/bench/contender.h: an allocator that takes part: its library and the variables it is started with.
//
// Written  NAME | NAME=PATH, each with any number of ":VARIABLE=VALUE" behind; NAME alone is ours or one of the
//          known peers.
// Pure     `parse_contenders`; `find_known` looks at the file system.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "preload/cli/result.h"

namespace gamelan::cli::bench {

struct Contender {
  std::string name;     // as written, unless it has a path: then the word before "="
  std::string library;  // to preload; empty until `locate`
  std::map<std::string, std::string> variables;
  std::string version;  // "libjemalloc2 5.3.0-1"
  bool is_ours = false;
};

// A peer that needs no path.
struct KnownPeer {
  std::string_view name;
  std::vector<std::string_view> files;  // names of the shared object, the preferred one first
  std::string_view package;             // Debian's
};

// The peer that a contender without a path means: the part of its name before ":".
const KnownPeer* find_known(const Contender& contender);

// "jemalloc:MALLOC_CONF=a:1,b:2,glibc,mine=/a/b.so": commas separate, but those inside a value stay in it: what does
// not begin like a contender goes on with the one before.  Fails with the word that is neither.
Result<std::vector<Contender>> parse_contenders(std::string_view list);

// Fills in library and version.  Returns why it cannot take part, naming the apt line where there is one.
std::optional<std::string> locate(Contender& contender);

}  // namespace gamelan::cli::bench
