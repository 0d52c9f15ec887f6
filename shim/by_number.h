// shim/by_number.h: the calls that may block or close descriptors, as syscall(2) makes them.
#pragma once

namespace gamelan::io {

// What stands for syscall(number, ...), in its registers: long (*)(long number, ...). nullptr: the kernel's own will do.
void* signals_by_number(long n);
void* thread_by_number(long n);
void* by_number(long number);

}  // namespace gamelan::io
