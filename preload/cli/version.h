// preload/cli/version.h: which version of Gamelan this is.
#pragma once
#include <string_view>

namespace gamelan::cli {

std::string_view version();

}  // namespace gamelan::cli
