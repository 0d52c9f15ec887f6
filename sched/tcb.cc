// sched/tcb.cc: offsets from nptl_db, the rest from a template thread.
#include "sched/tcb.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <locale.h>

#include "allocator/base/mem.h"
#include "allocator/base/syscall.h"
#include "sched/g.h"
#include "sched/spin_lock.h"

extern "C" {
void __call_tls_dtors() __attribute__((weak));
void free(void*);
}

namespace gamelan::tcb {

namespace {
// ---- what nptl_db publishes: {bits per element, number of elements, offset} ----
struct DbField { uint32_t bits, elements, offset; };

constexpr Bytes kMostStruct = 8192;

struct Offsets {
  int robust_list;  // told by the kernel
  int tid, list, specific, specific_used, start_routine, cancelhandling, rseq, stack_user, dtv_slotinfo_list;
  int slotinfo_len, slotinfo_next, slotinfo_array, slotinfo_map, tls_offset;
  unsigned slotinfo_size, struct_size;
};
constinit Offsets at = {};

using AllocateTls = void* (*)(void*);
using StaticInfo = void (*)(size_t*, size_t*);
using Plain = void (*)();
constinit AllocateTls allocate_tls = nullptr;
constinit Plain ctype_init = nullptr, tls_destructors = nullptr;
constinit char* rtld_global = nullptr;
constinit size_t tls_size = 0, tls_align = 64;

struct Key {
  uintptr_t sequence;  // odd while in use
  void (*destructor)(void*);
};
struct KeyData {
  uintptr_t sequence;
  void* data;
};
constinit Key* keys = nullptr;
constexpr unsigned kKeysPerBlock = 32, kKeys = 1024;

template <class F> bool find(F& f, const char* name) {
  f = reinterpret_cast<F>(dlsym(RTLD_DEFAULT, name));
  return f != nullptr;
}

bool offset_of(int* out, const char* name) {
  auto* field = static_cast<DbField*>(dlsym(RTLD_DEFAULT, name));
  if (!field) return false;
  *out = static_cast<int>(field->offset);
  return true;
}

bool size_of(unsigned* out, const char* name) {
  auto* size = static_cast<uint32_t*>(dlsym(RTLD_DEFAULT, name));
  if (!size) return false;
  *out = *size;
  return true;
}

template <class T> T& word(uintptr_t fs, int offset) { return *reinterpret_cast<T*>(fs + static_cast<uintptr_t>(offset)); }

// ---- the template ----
enum class Kind : uint8_t { copy, relocate, stack, stack_size };
struct TemplateWord {
  uint16_t offset;
  Kind kind;
  uint64_t value;
};
constinit TemplateWord words[256] = {};
constinit unsigned word_count = 0;

bool is_left_out(int o) {
  const auto within = [o](int from, int bytes) { return o >= from && o < from + bytes; };
  return o == 0 || o == 8 || o == 16 || within(at.list, 16) || o == at.tid / 8 * 8 || within(at.start_routine, 16) ||
         within(at.rseq, 32) || o == at.cancelhandling / 8 * 8;
}

// ---- loaded objects ----
struct Module {
  const char* image;
  Bytes file_size, size;
  ptrdiff_t offset;  // from the thread pointer
  bool keep;         // libc's, ld.so's, ours
};
constexpr unsigned kMostModules = 256;
constinit Module module_list[kMostModules] = {};
constinit unsigned module_count = 0;
constinit bool others_have_tls = false;  // than libc, ld.so and we
constinit SpinLock modules_lock;
struct Range { uintptr_t low, high; };
constinit Range libc_text = {}, loader_text = {}, our_text = {}, unwinder_text = {};

// The static TLS offset of a module, from ld.so's list of modules with TLS; 0: dynamic, or not known.
ptrdiff_t static_offset(size_t modid) {
  char* list = *reinterpret_cast<char**>(rtld_global + at.dtv_slotinfo_list);
  for (size_t base = 0; list; list = *reinterpret_cast<char**>(list + at.slotinfo_next)) {
    const size_t n = *reinterpret_cast<size_t*>(list + at.slotinfo_len);
    if (modid < base + n) {
      char* map = *reinterpret_cast<char**>(list + at.slotinfo_array + (modid - base) * at.slotinfo_size + static_cast<size_t>(at.slotinfo_map));
      return map ? *reinterpret_cast<ptrdiff_t*>(map + at.tls_offset) : 0;
    }
    base += n;
  }
  return 0;
}

bool begins_with(const char* s, const char* start) {
  for (; *start; s++, start++)
    if (*s != *start) return false;
  return true;
}

const char* base_name(const char* path) {
  const char* name = path;
  for (; *path; path++)
    if (*path == '/') name = path + 1;
  return name;
}

int see_object(dl_phdr_info* info, size_t, void*) {
  Range text{UINTPTR_MAX, 0};
  const ElfW(Phdr)* tls = nullptr;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr)& p = info->dlpi_phdr[i];
    const uintptr_t low = info->dlpi_addr + p.p_vaddr;
    if (p.p_type == PT_LOAD && (p.p_flags & PF_X)) text = {min_of(text.low, low), max_of(text.high, low + p.p_memsz)};
    if (p.p_type == PT_TLS) tls = &p;
  }
  const char* name = base_name(info->dlpi_name ? info->dlpi_name : "");
  const auto here = reinterpret_cast<uintptr_t>(&see_object);
  bool keep = true;
  if (begins_with(name, "libc.so")) libc_text = text;
  else if (begins_with(name, "ld-linux")) loader_text = text;
  else if (here >= text.low && here < text.high) our_text = text;
  else keep = false;
  if (begins_with(name, "libgcc_s.so")) unwinder_text = text;
  if (!tls || module_count == kMostModules) return 0;
  const ptrdiff_t offset = static_offset(info->dlpi_tls_modid);
  if (offset > 0 && static_cast<size_t>(offset) <= tls_size)
    module_list[module_count++] = {reinterpret_cast<const char*>(info->dlpi_addr + tls->p_vaddr), tls->p_filesz, tls->p_memsz, -offset, keep};
  return 0;
}

void copy_image(uintptr_t fs, const Module& m) {
  char* to = reinterpret_cast<char*>(static_cast<intptr_t>(fs) + m.offset);
  mem::copy(to, m.image, m.file_size);
  mem::zero(to + m.file_size, m.size - m.file_size);
}
}  // namespace

const char* find_facts() {
  StaticInfo static_info;
  if (!find(allocate_tls, "_dl_allocate_tls")) return "_dl_allocate_tls";
  if (!find(static_info, "_dl_get_tls_static_info")) return "_dl_get_tls_static_info";
  if (!find(ctype_init, "__ctype_init")) return "__ctype_init";
  if (!find(tls_destructors, "__call_tls_dtors")) return "__call_tls_dtors";
  if (!find(keys, "__pthread_keys")) return "__pthread_keys";
  if (!find(rtld_global, "_rtld_global")) return "_rtld_global";
  struct { int* to; const char* name; } const fields[] = {
      {&at.tid, "_thread_db_pthread_tid"},
      {&at.list, "_thread_db_pthread_list"},
      {&at.specific, "_thread_db_pthread_specific"},
      {&at.start_routine, "_thread_db_pthread_start_routine"},
      {&at.cancelhandling, "_thread_db_pthread_cancelhandling"},
      {&at.stack_user, "_thread_db_rtld_global__dl_stack_user"},
      {&at.dtv_slotinfo_list, "_thread_db_rtld_global__dl_tls_dtv_slotinfo_list"},
      {&at.slotinfo_len, "_thread_db_dtv_slotinfo_list_len"},
      {&at.slotinfo_next, "_thread_db_dtv_slotinfo_list_next"},
      {&at.slotinfo_array, "_thread_db_dtv_slotinfo_list_slotinfo"},
      {&at.slotinfo_map, "_thread_db_dtv_slotinfo_map"},
      {&at.tls_offset, "_thread_db_link_map_l_tls_offset"},
  };
  for (const auto& f : fields)
    if (!offset_of(f.to, f.name)) return f.name;
  if (!size_of(&at.struct_size, "_thread_db_sizeof_pthread")) return "_thread_db_sizeof_pthread";
  if (!size_of(&at.slotinfo_size, "_thread_db_sizeof_dtv_slotinfo")) return "_thread_db_sizeof_dtv_slotinfo";
  auto* rseq = static_cast<ptrdiff_t*>(dlsym(RTLD_DEFAULT, "__rseq_offset"));
  at.rseq = rseq ? static_cast<int>(*rseq) : -64;
  if (at.struct_size > kMostStruct) return "a struct pthread of at most 8 KiB";
  static_info(&tls_size, &tls_align);
  tls_align = max_of(tls_align, size_t{64});
  refresh_modules();
  late_modules_are_copied();
  return nullptr;
}

void learn(uintptr_t fs, uintptr_t stack, Bytes size) {
  uintptr_t head = 0;
  size_t head_size = 0;
  sys::call(SYS_get_robust_list, 0, reinterpret_cast<long>(&head), reinterpret_cast<long>(&head_size));
  at.robust_list = head >= fs && head < fs + at.struct_size ? static_cast<int>(head - fs) : 0;
  word_count = 0;
  for (int o = 0; o + 8 <= static_cast<int>(at.struct_size); o += 8) {
    const uint64_t v = word<uint64_t>(fs, o);
    if (!v || is_left_out(o) || word_count == sizeof words / sizeof words[0]) continue;
    TemplateWord w{static_cast<uint16_t>(o), Kind::copy, v};
    if (v == stack) w.kind = Kind::stack;
    else if (v == size) w.kind = Kind::stack_size;
    else if (v >= fs && v < fs + at.struct_size) w = {w.offset, Kind::relocate, v - fs};
    else if (v >= stack && v < stack + size) continue;  // into the template's own stack
    words[word_count++] = w;
  }
}

Bytes block_size() { return align_up(tls_size, tls_align); }
Bytes struct_size() { return at.struct_size; }
Bytes alignment() { return tls_align; }

Bytes used_below() {
  ptrdiff_t lowest = 0;
  for (unsigned i = 0; i < module_count; i++) lowest = min_of(lowest, module_list[i].offset);
  return static_cast<Bytes>(-lowest);
}

bool make(uintptr_t fs) {
  word<uintptr_t>(fs, 0) = fs;
  word<uintptr_t>(fs, 16) = fs;
  return allocate_tls(reinterpret_cast<void*>(fs)) != nullptr;
}

void reset(uintptr_t fs, uintptr_t stack, Bytes stack_size, int tid) {
  for (unsigned i = 0; i < word_count; i++) {
    const TemplateWord& w = words[i];
    uint64_t v = w.value;
    if (w.kind == Kind::relocate) v += fs;
    else if (w.kind == Kind::stack) v = stack;
    else if (w.kind == Kind::stack_size) v = stack_size;
    word<uint64_t>(fs, w.offset) = v;
  }
  word<uintptr_t>(fs, 0) = fs;
  word<uintptr_t>(fs, 16) = fs;
  word<int>(fs, at.tid) = tid;
  word<int>(fs, at.cancelhandling) = 0;
  word<uintptr_t>(fs, at.list) = fs + static_cast<uintptr_t>(at.list);  // fork's list_del finds itself
  word<uintptr_t>(fs, at.list + 8) = fs + static_cast<uintptr_t>(at.list);
  if (at.rseq >= 0) {
    word<int>(fs, at.rseq) = 0;
    word<int>(fs, at.rseq + 4) = -2;  // RSEQ_CPU_ID_REGISTRATION_FAILED
  }
}

void renew_tls(uintptr_t fs) {
  if (GAMELAN_LIKELY(!others_have_tls)) return;
  SpinGuard guard(modules_lock);
  for (unsigned i = 0; i < module_count; i++)
    if (!module_list[i].keep) copy_image(fs, module_list[i]);
}

// The list is only read under ld.so's lock, held for moments; no constructor runs meanwhile.
void refresh_modules() {
  SpinGuard guard(modules_lock);
  module_count = 0;
  dl_iterate_phdr(see_object, nullptr);
  others_have_tls = false;
  for (unsigned i = 0; i < module_count; i++) others_have_tls |= !module_list[i].keep;
}

namespace {
// Those that every block has, by place: a module that went leaves its place to the next.
struct Known {
  const char* image;
  ptrdiff_t offset;
};
constinit Known known[kMostModules] = {};
constinit unsigned known_count = 0;

bool is_known(const Module& m) {
  for (unsigned i = 0; i < known_count; i++)
    if (known[i].image == m.image && known[i].offset == m.offset) return true;
  return false;
}
}  // namespace

void copy_late_modules(uintptr_t fs) {
  for (unsigned i = 0; i < module_count; i++)
    if (!is_known(module_list[i])) copy_image(fs, module_list[i]);
}

void late_modules_are_copied() {
  known_count = module_count;
  for (unsigned i = 0; i < module_count; i++) known[i] = {module_list[i].image, module_list[i].offset};
}

namespace {
KeyData* key_block(uintptr_t fs, unsigned i) { return word<KeyData*>(fs, at.specific + static_cast<int>(i * sizeof(void*))); }

// One round over all keys. True: a destructor ran.
bool run_key_destructors(uintptr_t fs) {
  bool any = false;
  for (unsigned b = 0; b < kKeys / kKeysPerBlock; b++) {
    KeyData* block = key_block(fs, b);
    for (unsigned i = 0; block && i < kKeysPerBlock; i++) {
      void* data = block[i].data;
      if (!data) continue;
      block[i].data = nullptr;
      const Key& key = keys[b * kKeysPerBlock + i];
      if (block[i].sequence != key.sequence || !key.destructor) continue;
      any = true;
      key.destructor(data);
    }
  }
  return any;
}

// glibc's `specific_used`, which stands behind the table of blocks: pthread_setspecific sets it.
bool& keys_used(uintptr_t fs) { return word<bool>(fs, at.specific + static_cast<int>(kKeys / kKeysPerBlock * sizeof(void*))); }

void clear_keys(uintptr_t fs) {
  keys_used(fs) = false;
  for (unsigned b = 0; b < kKeys / kKeysPerBlock; b++)
    if (KeyData* block = key_block(fs, b)) mem::zero(block, kKeysPerBlock * sizeof(KeyData));
}
}  // namespace

bool are_keys_used(uintptr_t fs) { return keys_used(fs); }

void run_destructors() {
  tls_destructors();
  const auto fs = static_cast<uintptr_t>(pthread_self());
  if (!are_keys_used(fs)) return;
  for (int round = 0; round < PTHREAD_DESTRUCTOR_ITERATIONS && run_key_destructors(fs); round++) {}
  // What a key's destructor made: glibc forgets it with the thread; our slot would hand it to the next one.
  tls_destructors();
  clear_keys(fs);
}

void init_locale() {
  uselocale(LC_GLOBAL_LOCALE);
  ctype_init();
}

// dtv[m] is {value, to_free} for module m; dtv[-1] holds how many there are.
void free_dynamic_tls(uintptr_t fs) {
  struct Entry { void* value; void* to_free; };
  auto* dtv = word<Entry*>(fs, 8);
  const auto n = reinterpret_cast<size_t>(dtv[-1].value);
  for (size_t m = 1; m <= n; m++) {
    void* block = dtv[m].to_free;
    if (!block || dtv[m].value == reinterpret_cast<void*>(-1)) continue;
    dtv[m] = {reinterpret_cast<void*>(-1), nullptr};
    free(block);
  }
}

int tid_of(uintptr_t fs) { return word<int>(fs, at.tid); }
void set_tid(uintptr_t fs, int tid) { word<int>(fs, at.tid) = tid; }

void disable_rseq() {
  constexpr uint32_t kSignature = 0x53053053;
  constexpr int kUnregister = 1;
  const auto fs = static_cast<uintptr_t>(pthread_self());
  if (at.rseq < 0 || word<int>(fs, at.rseq + 4) < 0) return;
  sys::call(SYS_rseq, static_cast<long>(fs) + at.rseq, 32, kUnregister, kSignature);
  word<int>(fs, at.rseq + 4) = -2;
}

namespace {
struct RobustList { uintptr_t next; };
struct RobustHead {
  RobustList list;
  long futex_offset;
  uintptr_t pending;
};
static_assert(sizeof(RobustHead) == kRobustListSize);
constexpr uint32_t kTidMask = 0x3fffffff, kOwnerDied = 0x40000000, kWaiters = 0x80000000;

void release_robust(uintptr_t entry, long futex_offset, uint32_t tid) {
  const bool is_pi = entry & 1;
  auto* futex = reinterpret_cast<uint32_t*>((entry & ~uintptr_t{1}) + static_cast<uintptr_t>(futex_offset));
  uint32_t v = __atomic_load_n(futex, __ATOMIC_SEQ_CST);
  do {
    if ((v & kTidMask) != tid) return;
  } while (!__atomic_compare_exchange_n(futex, &v, (v & kWaiters) | kOwnerDied, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
  if ((v & kWaiters) && !is_pi) sys::call(SYS_futex, reinterpret_cast<long>(futex), 1 /* FUTEX_WAKE */, 1);
}
}  // namespace

void set_robust_list(uintptr_t fs) {
  if (at.robust_list) sys::call(SYS_set_robust_list, static_cast<long>(fs) + at.robust_list, sizeof(RobustHead));
}

uintptr_t robust_list(uintptr_t fs) { return at.robust_list ? fs + static_cast<uintptr_t>(at.robust_list) : 0; }

void release_robust_mutexes(uintptr_t fs) {
  constexpr int kMost = 2048;  // ROBUST_LIST_LIMIT: the list may be circular
  if (!at.robust_list) return;
  auto& head = word<RobustHead>(fs, at.robust_list);
  const auto end = reinterpret_cast<uintptr_t>(&head);
  const auto tid = static_cast<uint32_t>(tid_of(fs));
  uintptr_t entry = head.list.next;
  for (int i = 0; i < kMost && entry && (entry & ~uintptr_t{1}) != end; i++) {
    const uintptr_t next = reinterpret_cast<RobustList*>(entry & ~uintptr_t{1})->next;
    release_robust(entry, head.futex_offset, tid);
    entry = next;
  }
  head.list.next = end;
}

void link_into_stack_list(uintptr_t fs) {
  struct Node { Node *next, *prev; };
  auto* head = reinterpret_cast<Node*>(rtld_global + at.stack_user);
  auto* n = &word<Node>(fs, at.list);
  *n = {head->next, head};
  head->next->prev = n;
  head->next = n;
}

void unlink_from_stack_list(uintptr_t fs) {
  struct Node { Node *next, *prev; };
  auto* n = &word<Node>(fs, at.list);
  n->prev->next = n->next;
  n->next->prev = n->prev;
  *n = {n, n};
}

Text text_at(uintptr_t pc) {
  const auto in = [pc](const Range& r) { return pc >= r.low && pc < r.high; };
  if (in(our_text)) return Text::ours;
  if (in(libc_text)) return Text::libc;
  if (in(loader_text)) return Text::loader;
  if (in(unwinder_text)) return Text::unwinder;
  return Text::program;
}

}  // namespace gamelan::tcb
