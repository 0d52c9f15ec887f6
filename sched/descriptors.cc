// sched/descriptors.cc: the table.
#include "sched/descriptors.h"

#include <sys/mman.h>

#include "allocator/base/mem.h"
#include "allocator/base/syscall.h"

namespace gamelan::descriptors {

namespace {
constexpr unsigned kBlockShift = 12;
constexpr unsigned kBlockSize = 1u << kBlockShift;
constexpr unsigned kBlocks = 1u << (31 - kBlockShift);
constexpr Bytes kBlockBytes = kBlockSize * sizeof(Descriptor);
using Block = Atomic<Descriptor*>;

constinit Atomic<Block*> directory{nullptr};
constinit Atomic<unsigned> blocks_end{0};  // those beyond were never made: the directory is not touched there

void note_block(unsigned i) {
  unsigned end = blocks_end.load_relaxed();
  while (end <= i && !blocks_end.compare_exchange(end, i + 1)) {}
}

Descriptor* entry(Descriptor* block, int fd) { return block ? block + static_cast<unsigned>(fd) % kBlockSize : nullptr; }

// One of several threads that come at once wins.
template <class T>
T* map_once(Atomic<T*>& where, Bytes size) {
  T* p = where.load_acquire();
  if (GAMELAN_LIKELY(p != nullptr)) return p;
  T* made = static_cast<T*>(sys::map(nullptr, size, PROT_READ | PROT_WRITE, MAP_NORESERVE));
  if (!made || where.compare_exchange(p, made)) return made;
  sys::unmap(made, size);
  return p;
}
}  // namespace

Descriptor* find(int fd) {
  Block* blocks = directory.load_acquire();
  if (GAMELAN_UNLIKELY(!blocks || fd < 0)) return nullptr;
  return entry(blocks[fd >> kBlockShift].load_acquire(), fd);
}

Descriptor* make(int fd) {
  if (fd < 0) return nullptr;
  if (Descriptor* d = find(fd)) return d;
  Block* blocks = map_once(directory, kBlocks * sizeof(Block));
  if (!blocks) return nullptr;
  note_block(static_cast<unsigned>(fd) >> kBlockShift);
  return entry(map_once(blocks[fd >> kBlockShift], kBlockBytes), fd);
}

int end() { return static_cast<int>(min_of<uint64_t>(uint64_t{blocks_end.load_acquire()} * kBlockSize, INT32_MAX)); }

void forget_file(int fd) {
  if (Descriptor* d = find(fd)) d->forget_file();
}

void after_fork_in_child() {
  Block* blocks = directory.load_acquire();
  for (unsigned i = 0; i < blocks_end.load_relaxed(); i++) {
    Descriptor* block = blocks[i].load_relaxed();
    if (block && sys::advise(block, kBlockBytes, MADV_DONTNEED)) mem::zero(block, kBlockBytes);
  }
}

}  // namespace gamelan::descriptors
