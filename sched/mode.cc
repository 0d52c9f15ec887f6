// sched/mode.cc: the facts, the order in which they count, and what is said of the outcome.
#include "sched/mode.h"

#include <cpuid.h>
#include <elf.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <linux/membarrier.h>

#include "allocator/base/environment.h"
#include "allocator/base/mem.h"
#include "allocator/base/metrics.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"
#include "allocator/hooks.h"
#include "sched/sched.h"

namespace gamelan::sched {

constinit Mode threads_mode = Mode::undecided;

namespace {
// Builds of libc.so.6 for which the whole suite passed. The versions are those whose private layout is known; a version's
// other builds (a distribution's patches) are tried where goroutines are asked for.
constexpr const char* kTestedVersions[] = {"2.36"};
constexpr const char* kTestedBuilds[] = {
    "93ac61ec5a8eb1396f9fbd350e3169a558528a40",  // Debian 12, libc6 2.36-9+deb12u14
};

constinit const char* reason = "";
constinit bool refused = false;     // asked for by name, and not to be had
constinit Atomic<bool> said{false};

template <size_t N> bool is_one_of(const char* text, const char* const (&list)[N]) {
  for (const char* one : list)
    if (mem::same_text(text, one)) return true;
  return false;
}

GlibcOption pretended() { return static_cast<GlibcOption>(options().glibc); }

// ---- facts ------------------------------------------------------------------------------------------------------

int find_libc_build(dl_phdr_info* info, size_t, void* hex) {
  const auto inside = reinterpret_cast<uintptr_t>(&gnu_get_libc_version);
  const ElfW(Phdr)* notes = nullptr;
  bool is_libc = false;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& p = info->dlpi_phdr[i];
    const uintptr_t low = info->dlpi_addr + p.p_vaddr;
    if (p.p_type == PT_LOAD && inside >= low && inside < low + p.p_memsz) is_libc = true;
  }
  if (!is_libc) return 0;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    notes = &info->dlpi_phdr[i];
    if (notes->p_type != PT_NOTE) continue;
    const auto* at = reinterpret_cast<const void*>(info->dlpi_addr + notes->p_vaddr);
    if (build_id_of(at, notes->p_memsz, *static_cast<char(*)[41]>(hex))) break;
  }
  return 1;
}

// The program's own file is the first that is told.
int find_gos_note(dl_phdr_info* info, size_t, void* found) {
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& p = info->dlpi_phdr[i];
    if (p.p_type == PT_NOTE && has_note_of_go(reinterpret_cast<const void*>(info->dlpi_addr + p.p_vaddr), p.p_memsz)) *static_cast<bool*>(found) = true;
  }
  return 1;
}

// Go's own scheduler runs on its threads: it swaps stacks, signal handlers and thread pointers by itself.
bool is_go_program() {
  bool found = false;
  dl_iterate_phdr(find_gos_note, &found);
  return found;
}

bool is_tested_build() {
  char hex[41] = "";
  dl_iterate_phdr(find_libc_build, &hex);
  return pretended() != GlibcOption::rebuilt && is_one_of(hex, kTestedBuilds);
}

bool is_tested_version() { return pretended() != GlibcOption::other && is_one_of(gnu_get_libc_version(), kTestedVersions); }

// sysmon takes a P from a sleeping M only with it.
bool has_membarrier() {
  const long r = sys::call(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
  return !sys::is_error(r) && (r & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

// A preempted G's registers are saved with it.
bool has_xsavec() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(13, 1, &a, &b, &c, &d) && (a & 2);
}

bool has_proc() { return !sys::is_error(sys::call(SYS_faccessat, AT_FDCWD, reinterpret_cast<long>("/proc/self/task"), 0)); }

Objections look_at_machine() {
  if (!is_tested_version()) return {"a glibc that was not tested", nullptr};
  if (!has_membarrier()) return {"the kernel has no membarrier(2), or it is forbidden", nullptr};
  if (!has_xsavec()) return {"the processor has no XSAVEC", nullptr};
  if (is_go_program()) return {nullptr, "the program is Go's, which schedules by itself"};
  if (!is_tested_build()) return {nullptr, "a build of glibc that was not tested"};
  if (!has_proc()) return {nullptr, "without /proc a thread that sleeps unannounced cannot be seen"};
  return {nullptr, nullptr};
}

const rules::Found& rule_of_program() {
  static constinit rules::Found found{};
  found = rules::find(environment::program_name());
  return found;
}

// Whoever asked by name and gets nothing from a library that stands aside altogether.
Mode stand_aside() {
  reason = gamelan_metrics.reason;
  refused = options().threads_mode == ThreadsMode::goroutine && !options().off && !environment::aux(AT_SECURE);
  return threads_mode = Mode::native;
}
}  // namespace

bool build_id_of(const void* notes, size_t size, char (&hex)[41]) {
  const char* at = static_cast<const char*>(notes);
  const char* end = at + size;
  while (static_cast<size_t>(end - at) >= sizeof(ElfW(Nhdr))) {
    const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
    const char* name = at + sizeof *note;
    const char* bytes = name + align_up(note->n_namesz, 4u);
    if (bytes > end || note->n_descsz > static_cast<size_t>(end - bytes)) return false;
    if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && mem::equal(name, "GNU", 4) && note->n_descsz <= 20) {
      for (size_t i = 0; i < note->n_descsz; i++) {
        const auto b = static_cast<unsigned char>(bytes[i]);
        hex[2 * i] = "0123456789abcdef"[b >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[b & 15];
      }
      hex[2 * note->n_descsz] = 0;
      return true;
    }
    at = bytes + align_up(note->n_descsz, 4u);
    if (at > end) return false;
  }
  return false;
}

bool has_note_of_go(const void* notes, size_t size) {
  const char* at = static_cast<const char*>(notes);
  const char* end = at + size;
  while (static_cast<size_t>(end - at) >= sizeof(ElfW(Nhdr))) {
    const auto* note = reinterpret_cast<const ElfW(Nhdr)*>(at);
    const char* name = at + sizeof *note;
    if (note->n_namesz > static_cast<size_t>(end - name)) return false;
    if (note->n_namesz == 4 && mem::equal(name, "Go\0\0", 4)) return true;
    const char* bytes = name + align_up(note->n_namesz, 4u);
    if (bytes > end || note->n_descsz > static_cast<size_t>(end - bytes)) return false;
    at = bytes + align_up(note->n_descsz, 4u);
    if (at > end) return false;
  }
  return false;
}

Decision judge(ThreadsMode wanted, const rules::Found& (*find_rule)(), Objections (*look)()) {
  if (wanted == ThreadsMode::native) return {false, "GAMELAN_THREADS=native"};
  const char* why = "GAMELAN_THREADS=goroutine";
  if (wanted == ThreadsMode::automatic) {
    const rules::Found& rule = find_rule();
    if (rule.verdict == rules::Verdict::native) return {false, rule.reason};
    why = rule.verdict == rules::Verdict::goroutine ? rule.reason : "nothing speaks against it";
  }
  const Objections against = look();
  if (against.impossible) return {false, against.impossible};
  if (against.unwise && wanted == ThreadsMode::automatic) return {false, against.unwise};
  return {true, why};
}

Mode decide_mode() {
  if (heap_hooks.is_inert()) return stand_aside();
  const Decision d = judge(options().threads_mode, rule_of_program, look_at_machine);
  reason = d.reason;
  refused = !d.goroutine && options().threads_mode == ThreadsMode::goroutine;
  publish_threads_mode(d.goroutine ? "goroutine" : "native", d.reason);
  return threads_mode = d.goroutine ? Mode::goroutine : Mode::native;
}

const char* mode_reason() { return reason; }

void mode_failed(const char* why) {
  reason = why;
  refused = options().threads_mode == ThreadsMode::goroutine;
  publish_threads_mode("native", why);
}

void say_mode() {
  if (said.load_relaxed() || said.exchange(true)) return;
  if (threads_mode == Mode::undecided) decide_mode();
  rules::complain();
  if (!refused) return;
  Line line;
  line.prefix().text("GAMELAN_THREADS=goroutine: threads stay native: ").text(reason);
  output::write_line(line);
}

}  // namespace gamelan::sched
