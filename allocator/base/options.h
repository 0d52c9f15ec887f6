// allocator/base/options.h: every setting, read once at boot from the environment.
//
// Owns     `Options`, constant after `options_load`. GAMELAN_OPTIONS' keys are the rows of options.inc; Go's variables
//          keep Go's meaning, and GAMELAN_GOGC etc. beat Go's name.
// Errors   a wrong value: one line per process tree that names it and what is accepted, and the default holds;
//          strict=1 ends the program with exit code 2.
// Go       runtime1.go parsedebugvars, mgcpacer.go readGOGC, readGOMEMLIMIT.
#pragma once
#include <stdint.h>

#include "allocator/base/words.h"

namespace gamelan {

enum class GcMode : unsigned char { off, leak, collect };
enum class ThreadsMode : unsigned char { automatic, goroutine, native };
enum class PathOption : unsigned char { automatic, lists, bitmap };
enum class StatsOption : unsigned char { none, one, text, json };
enum class ThpOption : unsigned char { automatic, always, never };
enum class FsbaseOption : unsigned char { automatic, instr, prctl };
enum class GuardOption : unsigned char { automatic, advice, mprotect };
enum class GlibcOption : unsigned char { automatic, rebuilt, other, failing };
enum class ZoneOption : unsigned char { automatic, hint, reserve };

inline constexpr uint64_t kNoLimit = ~uint64_t{0};

struct Options {
  bool off = false;              // GAMELAN=off: everything is forwarded to libc
  GcMode gc = GcMode::off;
  ThreadsMode threads_mode = ThreadsMode::automatic;
  int64_t gogc = 100;            // percent; -1 is off
  uint64_t memory_limit = kNoLimit;
  unsigned gomaxprocs = 0;       // 0: the affinity mask decides
  bool inittrace = false;
  bool asyncpreemptoff = false;  // GODEBUG: a goroutine yields only by itself
  unsigned schedtrace = 0;       // GODEBUG: ms between two lines; 0 is off
  bool scheddetail = false;
#define OPTION_ENUM(name, dflt, choices, max, unit, sentence) uint64_t name = dflt;
#define OPTION_NUM(name, dflt, min, max, unit, sentence) uint64_t name = dflt;
#define OPTION_TEXT(name, dflt, min, max, unit, sentence) char name[max + 1] = dflt;
#include "allocator/base/options.inc"
#undef OPTION_ENUM
#undef OPTION_NUM
#undef OPTION_TEXT
};

const Options& options();
Options& mutable_options_test_only();
void options_load();  // boot, once; prints what it must
// Parses one GAMELAN_OPTIONS string into `o`; returns the number of rows refused, each said on `output`.
int options_parse(Options& o, const char* text, bool say);
// Whether `name` is one of "a,b*,c"; a * at an end stands for anything.
bool is_in_list(const char* list, const char* name);
// "256MiB" -> bytes. Go's B KiB MiB GiB TiB, and k M G T for powers of 1024. False where it is not a size.
bool parse_size(const char* text, uint64_t* bytes);

}  // namespace gamelan
