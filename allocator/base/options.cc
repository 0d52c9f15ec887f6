// allocator/base/options.cc: the parsers behind `Options`.
#include "allocator/base/options.h"

#include "allocator/base/environment.h"
#include "allocator/base/mem.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"

namespace gamelan {

namespace {
constinit Options the_options;

enum class Kind : unsigned char { number, text, choice };

struct Row {
  const char* name;
  Kind kind;
  uint64_t min, max;    // of a number; of a text, max is its length
  const char* choices;  // of a choice
  size_t offset;
};

constexpr Row kRows[] = {
#define OPTION_ENUM(name, dflt, choices, max, unit, sentence) {#name, Kind::choice, 0, max, choices, __builtin_offsetof(Options, name)},
#define OPTION_NUM(name, dflt, min, max, unit, sentence) {#name, Kind::number, min, max, nullptr, __builtin_offsetof(Options, name)},
#define OPTION_TEXT(name, dflt, min, max, unit, sentence) {#name, Kind::text, 0, max, nullptr, __builtin_offsetof(Options, name)},
#include "allocator/base/options.inc"
#undef OPTION_ENUM
#undef OPTION_NUM
#undef OPTION_TEXT
};

struct Slice {
  const char* p;
  size_t n;
  bool is(const char* s) const {
    for (size_t i = 0; i < n; i++)
      if (s[i] != p[i] || !s[i]) return false;
    return !s[n];
  }
};

Slice whole(const char* s) {
  size_t n = 0;
  while (s[n]) n++;
  return {s, n};
}

bool parse_number(Slice s, uint64_t* out) {
  if (!s.n || s.n > 19) return false;
  uint64_t v = 0;
  for (size_t i = 0; i < s.n; i++) {
    if (s.p[i] < '0' || s.p[i] > '9') return false;
    v = v * 10 + static_cast<uint64_t>(s.p[i] - '0');
  }
  *out = v;
  return true;
}

// The index of `value` in "a|b|c", or -1.
int choice_index(const char* choices, Slice value) {
  int index = 0;
  for (const char* start = choices;; index++) {
    const char* end = start;
    while (*end && *end != '|') end++;
    if (Slice{start, static_cast<size_t>(end - start)}.n == value.n && mem::equal(start, value.p, value.n)) return index;
    if (!*end) return -1;
    start = end + 1;
  }
}

bool store(Options& o, const Row& row, Slice value) {
  char* field = reinterpret_cast<char*>(&o) + row.offset;
  if (row.kind == Kind::text) {
    if (value.n > row.max) return false;
    mem::copy(field, value.p, value.n);
    field[value.n] = 0;
    return true;
  }
  uint64_t v = 0;
  if (row.kind == Kind::choice) {
    const int i = choice_index(row.choices, value);
    if (i < 0) return false;
    v = static_cast<uint64_t>(i);
  } else if (!parse_number(value, &v) || v < row.min || v > row.max) {
    return false;
  }
  mem::copy(field, &v, sizeof v);
  return true;
}

void say_wanted(Line& line, const Row& row) {
  if (row.kind == Kind::choice) line.text("want ").text(row.choices);
  else if (row.kind == Kind::number) line.text("want a number from ").dec(row.min).text(" to ").dec(row.max);
  else line.text("want at most ").dec(row.max).text(" bytes");
}

void refuse(Slice item, const Row* row, bool say) {
  if (!say) return;
  Line line;
  line.prefix().text("GAMELAN_OPTIONS: ").text(item.p, item.n).text(": ");
  if (row) {
    say_wanted(line, *row);
    line.text("; using the default");
  } else {
    line.text("unknown option, want one of");
    for (const Row& r : kRows) line.text(" ").text(r.name);
  }
  output::write_line(line);
}

bool parse_item(Options& o, Slice item, bool say) {
  size_t eq = 0;
  while (eq < item.n && item.p[eq] != '=') eq++;
  const Slice key{item.p, eq};
  for (const Row& row : kRows) {
    if (!key.is(row.name)) continue;
    if (eq < item.n && store(o, row, {item.p + eq + 1, item.n - eq - 1})) return true;
    refuse(item, &row, say);
    return false;
  }
  refuse(item, nullptr, say);
  return false;
}

// A Go variable under its two names; GAMELAN_NAME wins, GAMELAN_INHERIT_GO=0 hides Go's.
struct Variable {
  const char* name;
  const char* value;
};

Variable go_variable(const char* ours, bool inherit) {
  const char* v = environment::get(ours);
  if (v && *v) return {ours, v};
  const char* gos = ours + 8;  // behind "GAMELAN_"
  v = inherit ? environment::get(gos) : nullptr;
  return {gos, v && *v ? v : nullptr};
}

int wrong(const Variable& v, const char* wanted, const char* used) {
  if (environment::parent_has(v.name, v.value)) return 1;
  Line line;
  line.prefix().text(v.name).text("=").text(v.value).text(": want ").text(wanted).text("; using ").text(used);
  output::write_line(line);
  return 1;
}

int load_gogc(Options& o, bool inherit) {
  const Variable v = go_variable("GAMELAN_GOGC", inherit);
  if (!v.value) return 0;
  uint64_t n = 0;
  if (mem::same_text(v.value, "off")) o.gogc = -1;
  else if (parse_number(whole(v.value), &n) && n <= 1'000'000'000) o.gogc = static_cast<int64_t>(n);
  else return wrong(v, "a number or off", "100");
  return 0;
}

int load_memory_limit(Options& o, bool inherit) {
  const Variable v = go_variable("GAMELAN_GOMEMLIMIT", inherit);
  if (!v.value || mem::same_text(v.value, "off")) return 0;
  if (!parse_size(v.value, &o.memory_limit))
    return wrong(v, "a size such as 512MiB (B KiB MiB GiB TiB, k M G T) or off", "off");
  return 0;
}

int load_gomaxprocs(Options& o, bool inherit) {
  const Variable v = go_variable("GAMELAN_GOMAXPROCS", inherit);
  if (!v.value) return 0;
  uint64_t n = 0;
  if (!parse_number(whole(v.value), &n) || n < 1 || n > 1024)
    return wrong(v, "a number from 1 to 1024", "the number of processors");
  o.gomaxprocs = static_cast<unsigned>(n);
  return 0;
}

int load_gc(Options& o) {
  const Variable v{"GAMELAN_GC", environment::get("GAMELAN_GC")};
  if (!v.value || !*v.value) return 0;
  const int i = choice_index("off|leak|collect", whole(v.value));
  if (i < 0) return wrong(v, "off, leak or collect", "off");
  if (i == 2) return wrong(v, "off or leak: this version does not collect yet", "off");
  o.gc = static_cast<GcMode>(i);
  return 0;
}

int load_threads(Options& o) {
  const Variable v{"GAMELAN_THREADS", environment::get("GAMELAN_THREADS")};
  if (!v.value || !*v.value) return 0;
  const int i = choice_index("auto|goroutine|native", whole(v.value));
  if (i < 0) return wrong(v, "auto, goroutine or native", "auto");
  o.threads_mode = static_cast<ThreadsMode>(i);
  return 0;
}

int load_off(Options& o) {
  const Variable v{"GAMELAN", environment::get("GAMELAN")};
  if (!v.value || !*v.value) return 0;
  if (mem::same_text(v.value, "off")) o.off = true;
  else if (!mem::same_text(v.value, "on")) return wrong(v, "on or off", "on");
  return 0;
}

// Unknown GODEBUG keys are silent: the children of this process may be Go programs.
void load_godebug(Options& o, bool inherit) {
  const Variable v = go_variable("GAMELAN_GODEBUG", inherit);
  if (!v.value) return;
  for (const char* p = v.value; *p;) {
    const char* end = p;
    while (*end && *end != ',') end++;
    const Slice row{p, static_cast<size_t>(end - p)};
    if (row.is("inittrace=1")) o.inittrace = true;
    if (row.is("asyncpreemptoff=1")) o.asyncpreemptoff = true;
    if (row.is("scheddetail=1")) o.scheddetail = true;
    constexpr Slice kTrace{"schedtrace=", 11};
    uint64_t ms = 0;
    if (row.n > kTrace.n && Slice{row.p, kTrace.n}.is(kTrace.p) &&
        parse_number({row.p + kTrace.n, row.n - kTrace.n}, &ms) && ms <= 3600000)
      o.schedtrace = static_cast<unsigned>(ms);
    p = *end ? end + 1 : end;
  }
}
}  // namespace

const Options& options() { return the_options; }
Options& mutable_options_test_only() { return the_options; }

bool parse_size(const char* text, uint64_t* bytes) {
  static constexpr struct { const char* suffix; uint64_t factor; } kUnits[] = {
      {"", 1},     {"B", 1},     {"KiB", KiB}, {"MiB", MiB}, {"GiB", GiB}, {"TiB", TiB},
      {"k", KiB},  {"K", KiB},   {"m", MiB},   {"M", MiB},   {"G", GiB},   {"g", GiB},   {"T", TiB}};
  size_t digits = 0;
  while (text[digits] >= '0' && text[digits] <= '9') digits++;
  uint64_t n = 0;
  if (!parse_number({text, digits}, &n)) return false;
  for (const auto& u : kUnits)
    if (mem::same_text(text + digits, u.suffix)) return !__builtin_mul_overflow(n, u.factor, bytes);
  return false;
}

int options_parse(Options& o, const char* text, bool say) {
  int refused = 0;
  for (const char* p = text; *p;) {
    const char* end = p;
    while (*end && *end != ':') end++;
    if (end != p && !parse_item(o, {p, static_cast<size_t>(end - p)}, say)) refused++;
    p = *end ? end + 1 : end;
  }
  return refused;
}

bool is_in_list(const char* list, const char* name) {
  for (const char* p = list; *p;) {
    const char* end = p;
    while (*end && *end != ',') end++;
    const bool open = end != p && end[-1] == '*';
    const size_t fixed = static_cast<size_t>(end - p) - (open ? 1 : 0);
    size_t i = 0;
    while (i < fixed && name[i] == p[i]) i++;
    if (end != p && i == fixed && (open || !name[i])) return true;
    p = *end ? end + 1 : end;
  }
  return false;
}

namespace {
bool is_left_out(const Options& o) {
  const char* name = environment::program_name();
  return (o.only[0] && !is_in_list(o.only, name)) || is_in_list(o.skip, name);
}
}  // namespace

void options_load() {
  Options& o = the_options;
  const char* inherit_text = environment::get("GAMELAN_INHERIT_GO");
  const bool inherit = !(inherit_text && mem::same_text(inherit_text, "0"));
  int refused = load_off(o);
  if (const char* text = environment::get("GAMELAN_OPTIONS"))
    if (int bad = options_parse(o, text, false)) {
      refused += bad;
      Options scratch;
      if (!environment::parent_has("GAMELAN_OPTIONS", text)) options_parse(scratch, text, true);
    }
  refused += load_gc(o) + load_threads(o) + load_gogc(o, inherit) + load_memory_limit(o, inherit) + load_gomaxprocs(o, inherit);
  load_godebug(o, inherit);
  if (refused && o.strict) sys::call(SYS_exit_group, 2);
  if (o.gc != GcMode::off && is_left_out(o)) o.gc = GcMode::off;
}

}  // namespace gamelan
