// allocator/sys_memory.h: the allocator's only door to the operating system's memory.
//
// States   None -> sys_reserve -> Reserved -> sys_map -> Ready -> sys_unused -> Ready, but zero and not resident.
//          Linux needs no step between Prepared and Ready, so Go's sysMap and sysUsed fall together in `sys_map`.
// Owns     `sys_alloc`'s bump pointer: metadata that is never given back (type-stable: a stale pointer to a span or
//          a cache always points to a span or a cache).
// Locks    metadata, inside sys_alloc.
// Go       mem.go, mem_linux.go, malloc.go persistentalloc.
#pragma once
#include "allocator/base/words.h"

namespace gamelan {

class Lock;

// Zeroed metadata of at least 16-byte alignment, or nullptr. `align`: a power of two up to 4096.
void* sys_alloc(Bytes n, Bytes align = 16);

// Zeroed memory anywhere, of which little will be touched; never given back. nullptr: refused.
void* sys_map_sparse(Bytes n);

Lock& sys_alloc_lock();  // for fork

// PROT_NONE at exactly `at`; false where the kernel refuses. `*taken`: because somebody's memory is in the way.
bool sys_reserve(uintptr_t at, Bytes n, bool* taken = nullptr);
bool sys_map(uintptr_t at, Bytes n);       // a reserved range becomes readable, writable, zero
bool sys_map_new(uintptr_t at, Bytes n);   // None -> Ready in one call, at exactly `at`
// Whether the kernel would promise `n` bytes at all: its overcommit policy, asked for sizes from 1 GiB on, since our own
// mappings are made small and without a promise.
bool sys_could_have(Bytes n);
void sys_map_over(uintptr_t at, Bytes n);  // whatever was there, now Ready
bool sys_unused(uintptr_t at, Bytes n);    // contents may go; true: they went, and read as zero
void sys_huge_page(uintptr_t at, Bytes n, bool want);
void sys_free(uintptr_t at, Bytes n);

// From the n-th call on (0: the next one), every call that asks the kernel for memory fails; ~0 ends that.
void sys_fail_after_test_only(uint64_t n);
uint64_t sys_calls_test_only();

}  // namespace gamelan
