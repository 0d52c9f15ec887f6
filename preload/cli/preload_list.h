// preload/cli/preload_list.h: the value of LD_PRELOAD with our library in front.
//
// Pure     strings in, strings out.
// Source   ld.so(8): entries are separated by spaces or colons, and there is no way to quote either.
#pragma once
#include <string>
#include <string_view>

namespace gamelan::cli {

// Whether LD_PRELOAD can hold this path.
bool fits_preload_list(std::string_view library);

// `library` first, then the old entries in their order.  Any other libgamelan.so among them gives way: two would
// each take the program's heap calls.
std::string put_first(const std::string& library, std::string_view old_list);

}  // namespace gamelan::cli
