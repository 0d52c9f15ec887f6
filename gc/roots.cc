// gc/roots.cc: maps, threads, the kernel.
#include "gc/roots.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "allocator/base/own_memory.h"
#include "allocator/base/print.h"
#include "gc/present_pages.h"
#include "sched/every_goroutine.h"
#include "sched/line_reader.h"
#include "sched/numbered_entries.h"
#include "sched/tcb.h"
#include "sched/text_ranges.h"
#include "sched/threads.h"
#include "sched/world.h"

extern "C" {
extern char _end[] __attribute__((visibility("hidden")));
extern char __ehdr_start[] __attribute__((visibility("hidden")));
}

namespace gamelan::gc {

namespace {
constexpr size_t kMostRoots = 1u << 22, kMostCuts = 1u << 21, kMostWords = 1u << 16;

// Insertion in short lists, Shell's gaps in long ones: no libc, no memory.
template <class T>
void sort_by_low(T* items, size_t n) {
  for (size_t gap = n / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11)
    for (size_t i = gap; i < n; i++) {
      const T item = items[i];
      size_t at = i;
      for (; at >= gap && items[at - gap].low > item.low; at -= gap) items[at] = items[at - gap];
      items[at] = item;
    }
}

bool begins_with(const char* text, size_t n, const char* start) {
  for (size_t i = 0; start[i]; i++)
    if (i == n || text[i] != start[i]) return false;
  return true;
}

// Shared memory that no file on a disk backs: of the others, pages may be devices' or another program's data base.
bool is_memory_of_processes(const text_ranges::MapLine& m) {
  constexpr const char* kNames[] = {"/memfd:", "/dev/shm/", "/dev/zero", "/SYSV"};
  for (const char* start : kNames)
    if (begins_with(m.path, m.path_length, start)) return true;
  return false;
}

bool is_kernels(const text_ranges::MapLine& m) {
  return begins_with(m.path, m.path_length, "[v");  // vdso, vvar, vsyscall
}

// Where a goroutine's frames begin that are still in use.
uintptr_t sp_of(const G* g, uintptr_t own_sp) {
  if (g == self()) return own_sp;
  if (const uintptr_t stopped = g->stopped_sp.load_acquire()) return stopped;
  if (g->state.load_relaxed() == GState::syscall && g->outside.sp) return g->outside.sp;
  return reinterpret_cast<uintptr_t>(g->sp);
}
}  // namespace

Roots::Roots() : list_(kMostRoots), cuts_(kMostCuts), words_(kMostWords), tops_(kMostWords) {}

void Roots::collect(uintptr_t own_sp) {
  cut_own();
  cut_ended_threads();
  add_goroutines(own_sp);
  add_native_threads(own_sp);
  add_kernel_threads();
  join_cuts();
  read_maps();
  add_epoll_data();
  add_timer_values();
  add_bytes_under_way();
  add(reinterpret_cast<uintptr_t>(words_.begin()), reinterpret_cast<uintptr_t>(words_.end()), RootKind::kernel);
}

void Roots::add(uintptr_t low, uintptr_t high, RootKind kind, int tid) {
  if (low < high) list_.push({low, high, kind, tid});
}

void Roots::add_word(uint64_t word) { words_.push(word); }
void Roots::cut(uintptr_t low, uintptr_t high) {
  if (low < high) cuts_.push({low, high});
}

// ---- what is ours ----

void Roots::cut_own() {
  own_memory::for_each([this](uintptr_t low, uintptr_t high) { cut(low, high); });
  cut(reinterpret_cast<uintptr_t>(__ehdr_start), align_up(reinterpret_cast<uintptr_t>(_end), kOsPageSize));
}

// ---- threads ----

// The frames above `sp` are roots. Where the bounds of its stack are known, what lies below is cut out of its mapping.
void Roots::add_stack(uintptr_t sp, uintptr_t known_low, uintptr_t known_high, int tid) {
  const bool is_within = sp >= known_low && sp < known_high;
  if (!is_within) return;  // on an alternate stack, or a coroutine's: all that was ever written to it counts
  cut(known_low, known_high);
  add(sp, known_high, RootKind::stack, tid);
}

// Also of those that have ended, of slots that lie idle and of our own threads: libc's memory for dynamic TLS hangs there.
void Roots::add_block(uintptr_t fs, int tid) { add(fs, fs + tcb::struct_size(), RootKind::tls, tid); }

void Roots::add_goroutines(uintptr_t own_sp) {
  SlotPool::for_each_g([this](G* g) { add_block(g->fs, g->tid); });
  sched::for_each_goroutine([this, own_sp](G* g) {
    const auto result = reinterpret_cast<uintptr_t>(&g->result);
    if (g->state.load_relaxed() == GState::dead) return add(result, result + sizeof g->result, RootKind::tls, g->tid);
    if (g->state.load_relaxed() == GState::idle) return;
    const uintptr_t sp = sp_of(g, own_sp);
    if (g->slot && !g->user_stack && (sp < g->stack_low || sp >= g->stack_high)) add(g->stack_low, g->stack_high, RootKind::stack, g->tid);
    else add_stack(sp, g->stack_low, g->stack_high, g->tid);
    // In a slot the TLS block is the stack's upper end; libc's own block is in a mapping of the program's.
    if (g->slot && g->user_stack) add(SlotPool::stack_top(g), g->fs + tcb::struct_size(), RootKind::tls, g->tid);
  });
}

// Their blocks lie above their stacks, in the same mapping.
void Roots::add_native_threads(uintptr_t own_sp) {
  for (ThreadRecord* r = threads::first_made(); r; r = r->made_next) {
    if (r->state.load_acquire() == ThreadState::starting) add_word(reinterpret_cast<uint64_t>(r->arg));
    if (!threads::runs(r) || r->g->kind == GKind::goroutine) continue;
    const uintptr_t stopped = r->g == self() ? own_sp : r->g->stopped_sp.load_acquire();
    if (stopped && r->stack_high) add_stack(stopped, r->stack_low, r->stack_high, r->tid);
    else if (stopped) tops_.push(stopped);
  }
}

// What a M has of libc: a stack on which only our code ran, and above it the block.
void Roots::add_kernel_threads() {
  for (M* m = sched::state.all_ms.load_acquire(); m; m = m->all_next) {
    if (!m->g0 || m->g0->slot || !m->native_fs) continue;
    add_block(m->native_fs, m->tid);
    const uintptr_t block = m->native_fs - (tcb::block_size() - tcb::struct_size());
    cut(align_down(block, kOsPageSize) - 128 * KiB, block);
  }
}

namespace {
// Memory that may be gone.
bool read_safely(uintptr_t from, uint64_t* word) {
  struct { uint64_t base, length; } here{reinterpret_cast<uint64_t>(word), 8}, there{from, 8};
  return sys::call(SYS_process_vm_readv, sys::current_pid(), reinterpret_cast<long>(&here), 1, reinterpret_cast<long>(&there), 1, 0) == 8;
}
}  // namespace

// libc keeps their stacks for later threads, with what was last on them and in their blocks; but memory for dynamic TLS, which
// hangs on the second word of a block, is kept for the next one.
void Roots::cut_ended_threads() {
  for (ThreadRecord* r = threads::first_made(); r; r = r->made_next) {
    if (r->state.load_acquire() != ThreadState::ended || !r->stack_high || !r->g) continue;
    if (!r->is_given_up.load_acquire()) {  // the result is in the block
      cut(r->stack_low, r->stack_high);
      continue;
    }
    const uintptr_t fs = r->fs;
    uint64_t dtv;
    if (fs < r->stack_high || fs - r->stack_high > 64 * KiB || !read_safely(fs + 8, &dtv)) continue;
    cut(r->stack_low, fs + 4096);
    add_word(dtv);
  }
}

// ---- memory ----

// Sorted, and none touches the next.
void Roots::join_cuts() {
  sort_by_low(cuts_.begin(), cuts_.size());
  size_t n = 0;
  for (const Cut& c : cuts_) {
    if (n && c.low <= cuts_[n - 1].high) cuts_[n - 1].high = max_of(cuts_[n - 1].high, c.high);
    else cuts_[n++] = c;
  }
  cuts_.cut(n);
}

void Roots::add_mapping(uintptr_t low, uintptr_t high, RootKind kind) {
  size_t first = 0, end = cuts_.size();
  while (first < end) {  // the first cut that ends behind `low`
    const size_t middle = (first + end) / 2;
    if (cuts_[middle].high <= low) first = middle + 1;
    else end = middle;
  }
  uintptr_t at = low;
  for (size_t i = first; i < cuts_.size() && cuts_[i].low < high && at < high; i++) {
    if (cuts_[i].low > at) add(at, min_of(cuts_[i].low, high), kind);
    at = max_of(at, cuts_[i].high);
  }
  add(at, high, kind);
}

void Roots::read_maps() {
  PresentPages present;
  LineReader file("/proc/self/maps");
  const char* line;
  size_t length;
  text_ranges::MapLine m;
  while (file.next(&line, &length)) {
    if (!text_ranges::parse(line, length, &m) || !m.readable || is_kernels(m)) continue;
    const bool has_file = m.path_length && m.path[0] == '/';
    if (m.shared ? !m.writable || (has_file && !is_memory_of_processes(m)) : !m.writable && !has_file) continue;
    const RootKind kind = has_file && !m.shared ? RootKind::data : RootKind::memory;
    const auto which = kind == RootKind::data ? PresentPages::kWritten : PresentPages::kAll;
    uintptr_t low = m.low;  // of a stack whose bounds nobody told: from the stack pointer up
    for (const uintptr_t top : tops_)
      if (top > low && top < m.high) low = align_down(top, kOsPageSize), cut_to_ = top;
    present.for_each(low, m.high, which, [this, kind](uintptr_t from, uintptr_t to) { add_mapping(max_of(from, cut_to_), to, kind); });
    cut_to_ = 0;
  }
}

// ---- the kernel ----

namespace {
// The number behind `key` in the line; false: it is not there.
bool number_behind(const char* line, size_t n, const char* key, uint64_t* out) {
  size_t length = 0;
  while (key[length]) length++;
  for (size_t i = 0; i + length < n; i++) {
    if (!begins_with(line + i, n - i, key)) continue;
    uint64_t value = 0;
    for (i += length; i < n && line[i] == ' '; i++) {}
    for (; i < n; i++) {
      const char c = line[i];
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) break;
      value = value << 4 | static_cast<unsigned>(digit);
    }
    return *out = value, true;
  }
  return false;
}
}  // namespace

// proc(5), /proc/PID/fdinfo: "tfd: 5 events: 19 data: 55d3c3b2a2c0 ..." of each descriptor in an epoll set.
void Roots::add_epoll_data() {
  for_each_numbered_entry("/proc/self/fdinfo", [this](int fd) {
    Line path;
    path.text("/proc/self/fdinfo/").dec(static_cast<uint64_t>(fd));
    LineReader file(path.c_str());
    const char* line;
    size_t n;
    uint64_t word;
    while (file.next(&line, &n))
      if (begins_with(line, n, "tfd:") && number_behind(line, n, "data:", &word)) add_word(word);
  });
}

// proc(5), /proc/PID/timers: "signal: 34/00007ffc12345678", the value that a timer's signal or thread gets.
void Roots::add_timer_values() {
  LineReader file("/proc/self/timers");
  const char* line;
  size_t n;
  while (file.next(&line, &n)) {
    if (!begins_with(line, n, "signal:")) continue;
    size_t slash = 0;
    while (slash < n && line[slash] != '/') slash++;
    uint64_t word;
    if (number_behind(line + slash, n - slash, "/", &word)) add_word(word);
  }
}

// ---- what was written to a pipe or a socket and not read yet: threads hand pointers on so ----

namespace {
constexpr long kMostUnderWay = 64 * KiB;

// tee(2) doubles what is in a pipe without taking it.
long copy_of_pipe(int fd, char* to) {
  int own[2];
  if (sys::is_error(sys::call(SYS_pipe2, reinterpret_cast<long>(own), O_CLOEXEC | O_NONBLOCK))) return 0;
  long n = sys::call(SYS_tee, fd, own[1], kMostUnderWay, 2 /* SPLICE_F_NONBLOCK */);
  if (n > 0) n = sys::call(SYS_read, own[0], reinterpret_cast<long>(to), kMostUnderWay);
  sys::call(SYS_close, own[0]);
  sys::call(SYS_close, own[1]);
  return n;
}

long copy_of_socket(int fd, char* to) {
  return sys::call(SYS_recvfrom, fd, reinterpret_cast<long>(to), kMostUnderWay, MSG_PEEK | MSG_DONTWAIT, 0, 0);
}
}  // namespace

void Roots::add_bytes(const char* bytes, long n) {
  for (long at = 0; at + 8 <= n; at += 8) {
    uint64_t word;
    __builtin_memcpy(&word, bytes + at, sizeof word);
    add_word(word);
  }
}

void Roots::add_bytes_under_way() {
  OffHeapList<char> room(kMostUnderWay);
  if (!room.is_made()) return;
  for_each_numbered_entry("/proc/self/fd", [this, &room](int fd) {
    struct stat s;
    int waiting = 0;
    if (sys::is_error(sys::call(SYS_fstat, fd, reinterpret_cast<long>(&s))) || !(S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode))) return;
    if (sys::is_error(sys::call(SYS_ioctl, fd, FIONREAD, reinterpret_cast<long>(&waiting))) || waiting < 8) return;
    add_bytes(room.begin(), S_ISFIFO(s.st_mode) ? copy_of_pipe(fd, room.begin()) : copy_of_socket(fd, room.begin()));
  });
}

}  // namespace gamelan::gc
