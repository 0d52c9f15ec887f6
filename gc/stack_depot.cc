#include "gc/stack_depot.h"

#include "allocator/sys_memory.h"

namespace gamelan::gc::stack_depot {

namespace {
constexpr unsigned kBucketBits = 18;
constexpr uint32_t kMostIds = kStackIds - 8;  // the last numbers are allocation_stack's
using Bucket = Atomic<StackRecord*>;

constinit Bucket* buckets = nullptr;
constinit Atomic<StackRecord*>* by_id = nullptr;
constinit Atomic<uint32_t> next_id{1};

uint64_t hash_of(const uintptr_t* frames, uint32_t depth) {
  StackHash h;
  for (uint32_t i = 0; i < depth; i++) h.add(frames[i], i);
  return h.value();
}

StackRecord* find(StackRecord* r, const StackRecord* until, uint64_t hash, uint32_t depth) {
  for (; r != until; r = r->next)
    if (r->hash == hash && r->depth == depth) return r;
  return nullptr;
}

StackRecord* make_record(uint64_t hash, const uintptr_t* frames, uint32_t depth) {
  if (next_id.load_relaxed() >= kMostIds) return nullptr;
  auto* r = static_cast<StackRecord*>(sys_alloc(sizeof(StackRecord) + depth * sizeof(uintptr_t), 16));
  if (!r) return nullptr;
  r->hash = hash;
  r->depth = depth;
  for (uint32_t i = 0; i < depth; i++) r->frame[i] = frames[i];
  r->id = next_id.fetch_add(1);
  if (r->id >= kMostIds) return nullptr;
  by_id[r->id].store_release(r);  // pairs: get
  return r;
}
}  // namespace

bool make() {
  buckets = static_cast<Bucket*>(sys_map_sparse((size_t{1} << kBucketBits) * sizeof(Bucket)));
  by_id = static_cast<Atomic<StackRecord*>*>(sys_map_sparse(kStackIds * sizeof(void*)));
  return buckets && by_id;
}

uint32_t put(const uintptr_t* frames, uint32_t depth) {
  if (!depth || !by_id) return 0;
  const uint64_t hash = hash_of(frames, depth);
  Bucket& bucket = buckets[hash >> (64 - kBucketBits)];
  StackRecord* head = bucket.load_acquire();
  if (const StackRecord* r = find(head, nullptr, hash, depth)) return r->id;
  StackRecord* made = make_record(hash, frames, depth);
  if (!made) return 0;
  for (;;) {
    made->next = head;
    StackRecord* seen = head;
    if (bucket.compare_exchange(head, made)) return made->id;
    // Somebody was faster, perhaps with the same stack: then ours stays unused.
    if (const StackRecord* r = find(head, seen, hash, depth)) return r->id;
  }
}

const StackRecord* get(uint32_t id) { return id && id < next_id.load_acquire() && by_id ? by_id[id].load_acquire() : nullptr; }
uint32_t count() { return next_id.load_relaxed() - 1; }

}  // namespace gamelan::gc::stack_depot
