// sched/tcb.h: glibc's thread control block (struct pthread) and static TLS, for threads that glibc did not make.
//
// Owns     what is known of glibc's private layout: offsets published for debuggers (nptl_db's `_thread_db_*` symbols), and
//          a template: the words of the struct pthread of one real thread, each classified (copy, relocate, stack).
// Source   glibc 2.36 nptl/descr.h, nptl_db; elf/dl-tls.c. Each fact is a row of shim/GLIBC.md.
// Threads  `find_facts` and `learn` once, while the scheduler starts; the rest any, each on its own block.
#pragma once
#include <pthread.h>
#include <stdint.h>

#include "allocator/base/words.h"

namespace gamelan::tcb {

// Looks every symbol up. Returns nullptr, or what is missing.
const char* find_facts();
// On the template thread, made with attr_setstack(stack, size): classifies its words.
void learn(uintptr_t fs, uintptr_t stack, Bytes size);

Bytes block_size();                    // static TLS and struct pthread together
Bytes struct_size();                   // struct pthread alone: from the thread pointer up
Bytes alignment();
Bytes used_below();                    // of the static TLS, what modules have now: the part that is touched

// A new block at `fs`, in zeroed memory: dtv and TLS images. False: no memory.
bool make(uintptr_t fs);
// Puts the template in: the block is a new thread's. `tid` is what gettid() will say.
void reset(uintptr_t fs, uintptr_t stack, Bytes stack_size, int tid);
// TLS variables get their initial values again, but libc's, ld.so's and ours.
void renew_tls(uintptr_t fs);
void refresh_modules();                // after dlopen and dlclose
// The modules that came into static TLS since late_modules_are_copied: their images go into block `fs`.
void copy_late_modules(uintptr_t fs);
void late_modules_are_copied();

// On the thread itself, before its end: C++ thread_local destructors, then TSD destructors, in POSIX' rounds.
void run_destructors();
bool are_keys_used(uintptr_t fs);      // whether the thread has set thread-specific data
void init_locale();                    // on a new thread: ctype tables, the global locale
void free_dynamic_tls(uintptr_t fs);   // blocks that __tls_get_addr made

int tid_of(uintptr_t fs);
void set_tid(uintptr_t fs, int tid);
void disable_rseq();                   // for the calling kernel thread
// Robust mutexes: the kernel thread that runs the block's thread has this list, until `native_fs` gets its own back.
void set_robust_list(uintptr_t fs);
uintptr_t robust_list(uintptr_t fs);   // its head; 0: not known
inline constexpr size_t kRobustListSize = 24;
void release_robust_mutexes(uintptr_t fs);  // as the kernel does when a thread ends that holds some
// dlopen and friends look for the caller in glibc's lists of stacks to initialise its late static TLS.
void link_into_stack_list(uintptr_t fs);
void unlink_from_stack_list(uintptr_t fs);

// Code that is never preempted: libc, ld.so, libgcc_s, us.
enum class Text : uint8_t { program, ours, loader, libc, unwinder };
Text text_at(uintptr_t pc);

}  // namespace gamelan::tcb
