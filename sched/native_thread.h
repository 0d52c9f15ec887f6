// sched/native_thread.h: code that libc must see on the kernel thread it made, not on a goroutine.
//
// Who      setuid(2) and its kin: libc asks every thread in its lists by signal 33 to make the call too, and marks and waits
//          for the struct pthread of each. Caller and handler must find the M's own under the thread pointer; with the
//          G's both wait for ever.
// How      the M's own thread pointer for the time of the call, all signals but 33 blocked. errno is the other block's: it
//          is brought over.
// Source   glibc 2.36 nptl/nptl_setxid.c.
#pragma once

namespace gamelan::native_thread {

void install();  // after libc's handler of signal 33 is there, which its first pthread_create does
// Runs f(context) so; a native thread just calls. *error: errno before, errno after.
long call(long (*f)(void*), void* context, int* error);

}  // namespace gamelan::native_thread
