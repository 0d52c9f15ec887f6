// allocator/base/words.h: the units and the small arithmetic that every folder shares.
//
// Units are in the type's name: a function that takes `Pages` is not handed bytes.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace gamelan {

using Bytes = size_t;
using Pages = size_t;   // of kPageSize
using Nanos = int64_t;  // CLOCK_MONOTONIC unless a name says otherwise

inline constexpr Bytes KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB, TiB = 1024 * GiB;
inline constexpr Nanos kMilli = 1'000'000, kSecond = 1'000'000'000;

// Go's page. Two of the kernel's on x86-64.
inline constexpr unsigned kPageShift = 13;
inline constexpr Bytes kPageSize = Bytes{1} << kPageShift;
inline constexpr Bytes kOsPageSize = 4096;

constexpr bool is_power_of_two(uint64_t n) { return n && !(n & (n - 1)); }
constexpr uint64_t align_up(uint64_t n, uint64_t to) { return (n + to - 1) & ~(to - 1); }  // `to`: power of two
constexpr uint64_t align_down(uint64_t n, uint64_t to) { return n & ~(to - 1); }
constexpr Pages pages_for(Bytes n) { return (n >> kPageShift) + ((n & (kPageSize - 1)) != 0); }  // never wraps

template <class T> constexpr T min_of(T a, T b) { return b < a ? b : a; }
template <class T> constexpr T max_of(T a, T b) { return a < b ? b : a; }

#define GAMELAN_LIKELY(x) __builtin_expect(!!(x), 1)
#define GAMELAN_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define GAMELAN_NOINLINE __attribute__((noinline))
#define GAMELAN_COLD __attribute__((noinline, cold))
#define GAMELAN_EXPORT extern "C" __attribute__((visibility("default")))
// A second exported name of a function that is exported above.
#define GAMELAN_EXPORT_ALIAS(name, function) \
  extern "C" __attribute__((visibility("default"), alias(#function), copy(function))) decltype(function) name;

// Data that is written while the library is loaded: relocated, or by the constructor. All of it is in one page, since each
// page that is written costs every start a page fault.
#define GAMELAN_LOAD_TIME __attribute__((section(".gamelan.load")))

}  // namespace gamelan
