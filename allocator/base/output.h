// allocator/base/output.h: where our own words go.
//
// Owns     the identity of fd 2 at start. A daemon that closed or replaced fd 2 never gets our lines in its data:
//          then they go to log_path, or nowhere.
// Threads  any; async-signal-safe.
#pragma once
#include "allocator/base/print.h"

namespace gamelan::output {

// A copy of fd 2 as it was at start, where somebody keeps one (nullptr: nobody): our words go there once fd 2 is another.
extern int (*other_stderr)();

void only_to(int fd);                          // from now on, whatever else was said

void remember_stderr();                        // at load or boot, whichever is first: notes dev/ino of fd 2
void forget_stderr_test_only();
void write_line(Line& line);                   // adds the newline
void write_block(const char* text, size_t n);  // as it is
// Opens log_path with %p and %e filled in, CLOEXEC, appending; -1 where there is none or it cannot be opened.
int open_log();

}  // namespace gamelan::output
