// allocator/base/fatal.h: the two ways to end a process.
//
// user_fatal  the program is at fault: the call and the address are named.
// fatal       we are: what was found, the version and mode, and the switches to bisect with.
// Both write one line (and one of advice), then raise SIGABRT. They never allocate and take no lock.
#pragma once
#include "allocator/base/print.h"

namespace gamelan {

// What else is to be said by `fatal`, once; nullptr: nothing.
using LastWords = void (*)();
extern LastWords before_the_end;
[[noreturn]] void fatal(const char* what);
[[noreturn]] void user_fatal(Line& line);

#ifdef GAMELAN_DEV
#define GAMELAN_CHECK(cond) do { if (!(cond)) ::gamelan::fatal("check failed: " #cond); } while (0)
#else
#define GAMELAN_CHECK(cond) do { (void)sizeof(cond); } while (0)
#endif

}  // namespace gamelan
