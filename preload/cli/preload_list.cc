#include "preload/cli/preload_list.h"

#include "preload/cli/library.h"

namespace gamelan::cli {
namespace {

constexpr std::string_view kSeparators = ": ";

bool is_ours(std::string_view entry, std::string_view library) {
  return entry == library || entry.substr(entry.rfind('/') + 1) == kLibraryName;
}

}  // namespace

bool fits_preload_list(std::string_view library) { return library.find_first_of(kSeparators) == library.npos; }

std::string put_first(const std::string& library, std::string_view old_list) {
  std::string list = library;
  while (!old_list.empty()) {
    const std::string_view entry = old_list.substr(0, old_list.find_first_of(kSeparators));
    old_list.remove_prefix(std::min(entry.size() + 1, old_list.size()));
    if (!entry.empty() && !is_ours(entry, library)) list.append(":").append(entry);
  }
  return list;
}

}  // namespace gamelan::cli
