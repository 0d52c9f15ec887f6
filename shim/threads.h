// shim/threads.h: the pthread_create family's parts that the scheduler's hooks need.
#pragma once
#include "sched/g.h"

namespace gamelan {

void run_thread(G* g);       // a goroutine's life, on its own stack
void exit_process();         // exit(0), by the last goroutine after main's pthread_exit
void cancel_self();
int create_kernel_thread(unsigned long* thread, const void* attributes, void* (*start)(void*), void* argument);

// The caller, a goroutine, ends: cleanup handlers, C++ destructors, then as if its start function had returned `result`.
[[noreturn]] void exit_goroutine(void* result);
[[noreturn]] void finish_thread(G* g);   // destructors of thread-local and thread-specific data, then the scheduler

// Whether `t` is one of our goroutines, the main one included once the scheduler runs.
inline bool is_goroutine(pthread_t t) { return g_of(t)->kind == GKind::goroutine; }

}  // namespace gamelan
