#include "preload/cli/version.h"

#ifndef GAMELAN_VERSION
#define GAMELAN_VERSION "0.1.0"
#endif

namespace gamelan::cli {

std::string_view version() { return GAMELAN_VERSION; }

}  // namespace gamelan::cli
