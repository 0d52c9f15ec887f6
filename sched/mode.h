// sched/mode.h: whether the program's threads are goroutines, and why.
//
// Order    GAMELAN_THREADS=native | goroutine beats everything the machine allows; under auto the program's rule comes first,
//          then the machine: what makes goroutines impossible (for whoever asks), what makes them unwise
//          unasked (a build of glibc that was not tested, no /proc).
// Says     under auto nothing: `gamelan stat` and stats=1 show mode and reason. An explicit goroutine that cannot be honoured
//          is said in one line when the program makes its first thread; a program without threads hears nothing.
// Threads  any; decided once, on the first thread call, which may come before main.
#pragma once
#include "allocator/base/options.h"
#include "sched/program_rules.h"

namespace gamelan::sched {

// Of the machine; nullptr where nothing speaks against it.
struct Objections {
  const char* impossible;
  const char* unwise;
};

struct Decision {
  bool goroutine;
  const char* reason;
};
// Pure. The rule and the objections are asked for only where they matter: both cost system calls.
Decision judge(ThreadsMode wanted, const rules::Found& (*find_rule)(), Objections (*look)());

// Whether a PT_NOTE segment has a note that Go's linker writes.
bool has_note_of_go(const void* notes, size_t size);

// A build-id as lower-case hexadecimal digits, NUL-terminated, out of a PT_NOTE segment. False: it has none.
bool build_id_of(const void* notes, size_t size, char (&hex)[41]);

}  // namespace gamelan::sched
