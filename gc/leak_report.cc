#include "gc/leak_report.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <new>

#include "allocator/base/environment.h"
#include "allocator/base/options.h"
#include "gc/allocation_stack.h"
#include "gc/stack_depot.h"
#include "sched/block_writer.h"
#include "sched/line_reader.h"
#include "sched/text_ranges.h"

namespace gamelan::gc {

namespace {
struct Group {
  uint64_t blocks;
  Bytes bytes;
  uint32_t stack;
  LeakKind kind;
};
constexpr const char* kNames[] = {"direct", "cyclic", "indirect"};

// By number of the stack and kind: a sparse table, then the list of those that are in use.
class Groups {
 public:
  explicit Groups(LeakFindings& found) : table_((size_t{stack_depot::count()} + 1) * 3), list_(table_room()) {
    for (size_t i = 0; i < table_room(); i++) {
      if (!table_.push({0, 0, 0, LeakKind::direct})) break;
    }
    for (const LeakedBlock& b : found.blocks) add(b);
    for (Group& g : table_)
      if (g.blocks) list_.push(g);
    sort();
  }
  Group* begin() { return list_.begin(); }
  Group* end() { return list_.end(); }
  size_t size() const { return list_.size(); }

 private:
  static size_t table_room() { return (size_t{stack_depot::count()} + 1) * 3; }
  void add(const LeakedBlock& b) {
    Group& g = table_[size_t{b.stack} * 3 + static_cast<size_t>(b.kind)];
    g.blocks++;
    g.bytes += b.bytes;
    g.stack = b.stack;
    g.kind = b.kind;
  }
  static bool is_before(const Group& a, const Group& b) {
    if ((a.kind == LeakKind::indirect) != (b.kind == LeakKind::indirect)) return b.kind == LeakKind::indirect;
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.stack < b.stack;
  }
  void sort() {
    for (size_t gap = list_.size() / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11)
      for (size_t i = gap; i < list_.size(); i++) {
        const Group g = list_[i];
        size_t at = i;
        for (; at >= gap && is_before(g, list_[at - gap]); at -= gap) list_[at] = list_[at - gap];
        list_[at] = g;
      }
  }

  OffHeapList<Group> table_, list_;
};

const char* plural(uint64_t n) { return n == 1 ? "" : "s"; }

// The program's own file by its path: ld.so knows it by argv[0].
const char* path_of(const Dl_info& where) {
  static constinit char exe[512] = {};
  const bool is_program = reinterpret_cast<uintptr_t>(where.dli_fbase) == environment::aux(AT_PHDR) - sizeof(ElfW(Ehdr));
  if (!is_program) return where.dli_fname;
  if (!exe[0]) {
    const long n = sys::call(SYS_readlink, reinterpret_cast<long>("/proc/self/exe"), reinterpret_cast<long>(exe), sizeof exe - 1);
    if (sys::is_error(n)) return where.dli_fname;
    exe[n] = 0;
  }
  return exe;
}

void print_frame(BlockWriter& out, unsigned number, uintptr_t pc) {
  Line& line = out.add();
  line.text("    #").dec(number).text(" ").hex(pc);
  Dl_info where{};
  // The call, not the instruction behind it, which may be another function's.
  if (!dladdr(reinterpret_cast<void*>(pc - 1), &where)) {
    line.text("\n");
    return;
  }
  if (where.dli_sname) line.text(" ").text(where.dli_sname, min_of<size_t>(__builtin_strlen(where.dli_sname), 120)).text("+").hex(pc - reinterpret_cast<uintptr_t>(where.dli_saddr));
  const char* path = path_of(where);
  const size_t length = min_of<size_t>(__builtin_strlen(path), 160);
  line.text(" (").text(path, length).text("+").hex(pc - reinterpret_cast<uintptr_t>(where.dli_fbase)).text(")\n");
}

// Where files are mapped with code, as /proc/self/maps tells it.
class MappedFiles {
 public:
  MappedFiles() {
    LineReader maps("/proc/self/maps");
    const char* line;
    size_t length;
    text_ranges::MapLine m;
    uintptr_t base = 0;
    while (maps.next(&line, &length)) {
      if (!text_ranges::parse(line, length, &m) || !m.path_length || m.path[0] != '/') continue;
      if (m.offset == 0) base = m.low;
      if (!m.executable) continue;
      File file{m.low, m.high, base, paths_.size(), m.path_length};
      for (size_t i = 0; i < m.path_length; i++) paths_.push(m.path[i]);
      files_.push(file);
    }
  }
  void print(BlockWriter& out, unsigned number, uintptr_t pc) {
    Line& line = out.add();
    line.text("    #").dec(number).text(" ").hex(pc);
    for (const File& f : files_)
      if (pc - 1 >= f.low && pc - 1 < f.high) {
        line.text(" (").text(&paths_[f.path], min_of<size_t>(f.length, 200)).text("+").hex(pc - f.base).text(")");
        break;
      }
    line.text("\n");
  }

 private:
  struct File {
    uintptr_t low, high, base;
    size_t path, length;
  };
  OffHeapList<File> files_{4096};
  OffHeapList<char> paths_{1 << 20};
};

void print_stack(BlockWriter& out, uint32_t id, MappedFiles* files) {
  const StackRecord* r = stack_depot::get(id);
  if (!r) {
    out.add().text("    (the stack was not kept)\n");
    return;
  }
  for (uint32_t i = 0; i < r->depth; i++) {
    if (files) files->print(out, i, r->frame[i]);
    else print_frame(out, i, r->frame[i]);
  }
}

void print_group(BlockWriter& out, const Group& g, MappedFiles* files) {
  out.add().prefix().text(kNames[static_cast<int>(g.kind)]).text(" leak: ").dec(g.bytes).text(" byte").text(plural(g.bytes))
      .text(" in ").dec(g.blocks).text(" block").text(plural(g.blocks)).text(", allocated at\n");
  print_stack(out, g.stack, files);
}

LeakTotals add_up(LeakFindings& found) {
  LeakTotals t;
  for (const LeakedBlock& b : found.blocks) {
    t.blocks[static_cast<int>(b.kind)]++;
    t.bytes[static_cast<int>(b.kind)] += b.bytes;
  }
  return t;
}

void print_summary(BlockWriter& out, const LeakFindings& found, const LeakTotals& t, const char* when) {
  Line& line = out.add();
  line.prefix().text("leaks ").text(when).text(" in ").text(environment::program_name(), min_of<size_t>(__builtin_strlen(environment::program_name()), 60)).text(": ");
  if (!t.all_blocks()) line.text("none");
  else line.dec(t.all_bytes()).text(" byte").text(plural(t.all_bytes())).text(" in ").dec(t.all_blocks()).text(" block").text(plural(t.all_blocks()));
  const char* before = " (";
  for (int k = 0; k < 3; k++) {
    if (!t.blocks[k]) continue;
    line.text(before).dec(t.blocks[k]).text(" ").text(kNames[k]);
    before = ", ";
  }
  if (t.all_blocks()) line.text(")");
  line.text("; still reachable: ").dec(found.reachable_bytes).text(" bytes in ").dec(found.reachable_blocks).text(" blocks\n");
}
}  // namespace

LeakTotals print_leaks(LeakFindings& found, const char* when, FrameNames names) {
  const LeakTotals totals = add_up(found);
  BlockWriter out;
  if (found.failed) {
    out.add().prefix().text("no leak check: ").text(found.failed).text("\n");
    return totals;
  }
  Groups groups(found);
  uint64_t printed = 0;
  alignas(MappedFiles) char room[sizeof(MappedFiles)];
  MappedFiles* files = names == FrameNames::offsets ? new (room) MappedFiles : nullptr;
  for (const Group& g : groups) {
    if (printed++ == options().max_leaks) break;
    print_group(out, g, files);
  }
  if (groups.size() > options().max_leaks) out.add().prefix().text("and ").dec(groups.size() - options().max_leaks).text(" more; max_leaks=N shows N\n");
  print_summary(out, found, totals, when);
  if (files) files->~MappedFiles();
  return totals;
}

}  // namespace gamelan::gc
