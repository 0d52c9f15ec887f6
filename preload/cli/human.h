// preload/cli/human.h: numbers as people read them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace gamelan::cli {

// 1536 -> "1.5 KiB"; below 1 KiB nothing, as the exact number stands beside it.
std::string human_bytes(uint64_t bytes);

// The part behind the colon of "/memory/scavenged:bytes".
std::string_view unit_of(std::string_view metric);

}  // namespace gamelan::cli
