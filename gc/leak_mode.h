// gc/leak_mode.h: GAMELAN_GC=leak: when a process looks for leaks.
//
// At exit  behind the program's own handlers and destructors: ours is registered when we are loaded. By _exit likewise.
// on_term  SIGTERM, SIGINT and SIGHUP, where their default action is about to end the process.
// Code     exitcode (23) where there are leaks and the program would have said 0.
// A child  made by fork speaks of what it allocated itself only.
// LSan     `__lsan_do_recoverable_leak_check`, `__lsan_do_leak_check`, `__lsan_disable`, `__lsan_enable`,
//          `__lsan_ignore_object`: programs that know LeakSanitizer find them by weak references or dlsym.
// Threads  any may ask; the world stops for the time of the mark.
#pragma once

namespace gamelan::gc {

void start_leak_mode();  // at load, once
bool is_leak_mode();
void forget_parents_blocks();  // in a fork's child
// Looks, prints. Returns the number of leaked blocks. Blocks  until the world has stopped and the heap is marked.
unsigned long check_for_leaks(const char* when);
// The last act of a process that ends with `status`: returns the status to end with.
int check_at_exit(int status);

}  // namespace gamelan::gc
