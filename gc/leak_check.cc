// gc/leak_check.cc: the passes.
#include "gc/leak_check.h"

#include "gc/allocation_stack.h"
#include "gc/marker.h"
#include "gc/roots.h"

namespace gamelan::gc {

namespace {
class LeakCheck {
 public:
  LeakCheck(LeakFindings* out) : out_(*out) {}

  void run(uintptr_t own_sp) {
    if (!reached_.make() || !pointed_to_.make() || !flooded_.make()) return fail("no memory for the mark bits");
    mark_from_roots(own_sp);
    if (out_.failed) return;
    collect_white();
    for (const LeakedBlock& b : out_.blocks) note_targets(b.address);
    for (LeakedBlock& b : out_.blocks)
      if (!pointed_to_.is_set(b.address)) b.kind = LeakKind::direct, flood(b.address);
    for (LeakedBlock& b : out_.blocks)
      if (b.kind == LeakKind::indirect && !flooded_.is_set(b.address)) b.kind = LeakKind::cyclic, flood_ring(b.address);
    for (LeakedBlock& b : out_.blocks)
      if (b.kind == LeakKind::cyclic && flooded_.is_set(b.address)) b.kind = LeakKind::indirect;
  }

 private:
  void fail(const char* why) { out_.failed = why; }

  void mark_from_roots(uintptr_t own_sp) {
    Roots roots;
    Marker marker(reached_);
    if (!roots.is_made() || !marker.is_made()) return fail("no memory for the roots");
    roots.collect(own_sp);
    if (!roots.is_complete()) return fail("there are more roots than room for them");
    roots.for_each([&marker](const Root& r) {
      marker.scan(r.low, r.high);
      marker.drain();
    });
    // What nobody is to hear of may still hold something.
    for_each_object([&marker](const ObjectRef& o) {
      if (stack_of(o) >= allocation_stack::kOfNoInterest) marker.mark(o.base());
    });
    marker.drain();
  }

  void collect_white() {
    for_each_object([this](const ObjectRef& o) {
      if (reached_.is_set(o.base())) {
        out_.reachable_blocks++;
        out_.reachable_bytes += bytes_of(o);
      } else {
        out_.blocks.push({o.base(), bytes_of(o), stack_of(o), LeakKind::indirect});
      }
    });
  }

  // f(base) of every white block that a word of the block at `address` points into, itself excepted.
  template <class F>
  void for_each_target(uintptr_t address, F f) {
    const ObjectRef from = find_object(address);
    for (uintptr_t at = from.base(); at < from.base() + from.size(); at += 8) {
      const ObjectRef to = object_in_use(*reinterpret_cast<const uint64_t*>(at));
      if (to && to.base() != address && reached_.covers(to.base()) && !reached_.is_set(to.base())) f(to.base());
    }
  }

  void note_targets(uintptr_t address) {
    for_each_target(address, [this](uintptr_t to) { pointed_to_.set(to); });
  }

  // Everything that `head` leads to, and itself.
  void flood(uintptr_t head) {
    flooded_.set(head);
    work_.push(head);
    while (!work_.is_empty())
      for_each_target(work_.pop(), [this](uintptr_t to) {
        if (flooded_.set(to)) work_.push(to);
      });
  }
  // A ring's head stays out, so that a later flood that reaches it tells that it was none.
  void flood_ring(uintptr_t head) {
    flood(head);
    flooded_.clear(head);
  }

  LeakFindings& out_;
  MarkBits reached_, pointed_to_, flooded_;
  OffHeapList<uintptr_t> work_{(Bytes{HeapWindow::pages} << kPageShift) / 16 + 1};
};
}  // namespace

void find_leaks(uintptr_t own_sp, LeakFindings* out) {
  LeakCheck(out).run(own_sp);
}

}  // namespace gamelan::gc
