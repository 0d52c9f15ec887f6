// preload/init.h: the boot sequence, as Go's, in numbered lazy steps.
//
//   1 osinit      environment, settings, identity of fd 2        Go os_linux.go osinit
//   2 schedinit   processors                                     Go proc.go schedinit
//   3 mallocinit  path, seed of the heap's place                 Go malloc.go mallocinit
//   4 gcinit      GOGC, GOMEMLIMIT                               Go mgc.go gcinit
//   5 newproc     the main thread's record and MCache            Go proc.go newproc
//   6 gcenable    the background scavenger may start             Go mgc.go gcenable
//
// The first call of malloc or pthread_create, whichever comes first and whoever makes it (ld.so, a constructor, the
// program), runs all six; nothing is mapped and no thread made before its first use.
#pragma once

namespace gamelan {

void boot();              // once; later calls return at once
bool is_booted();         // false inside the boot steps, too
bool is_inert();          // boots; true: everything is forwarded to libc

}  // namespace gamelan
