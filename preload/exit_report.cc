// preload/exit_report.cc: text or JSON, one write, to log_path or stderr.
#include "preload/exit_report.h"

#include <dlfcn.h>
#include <malloc.h>

#include "allocator/base/environment.h"
#include "allocator/base/metrics.h"
#include "allocator/base/options.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"
#include "allocator/mcache.h"
#include "allocator/verify.h"
#include "preload/init.h"
#include "shim/next.h"

namespace gamelan {

namespace {
struct MetricRow {
  Metric id;
  const char* name;
};
constexpr MetricRow kRows[] = {
#define METRIC(id, name, text) {Metric::id, name},
#include "allocator/base/metrics.inc"
#undef METRIC
};

// A report longer than a Line: written in pieces, each appended to the same file.
class Report {
 public:
  Report() : log_(output::open_log()) {}
  ~Report() {
    flush();
    if (log_ >= 0) sys::call(SYS_close, log_);
  }
  Line& line() {
    if (line_.size() > 700) flush();
    return line_;
  }

 private:
  void flush() {
    if (log_ >= 0) sys::call(SYS_write, log_, reinterpret_cast<long>(line_.data()), static_cast<long>(line_.size()));
    else output::write_block(line_.data(), line_.size());
    line_.clear();
  }
  int log_;
  Line line_;
};

// What libc's own allocator holds: nothing, if every heap call was ours.
uint64_t libc_heap_bytes() {
  auto libc_mallinfo = reinterpret_cast<struct mallinfo2 (*)()>(dlsym(RTLD_NEXT, "mallinfo2"));
  if (!libc_mallinfo) return 0;
  const struct mallinfo2 m = libc_mallinfo();
  return m.arena + m.hblkhd;
}

const char* path_name() { return path_mode.bitmap ? "bitmap" : "lists"; }

void quoted(Line& line, const char* s) {
  line.text("\"");
  for (; *s; s++) {
    if (*s == '"' || *s == '\\') line.text("\\");
    line.text(static_cast<unsigned char>(*s) < ' ' ? "?" : s, 1);
  }
  line.text("\"");
}

void write_json() {
  const uint64_t libc_bytes = libc_heap_bytes();
  Report r;
  r.line().text("{\"pid\":").dec(static_cast<uint64_t>(sys::current_pid())).text(",\"exe\":");
  quoted(r.line(), environment::program_name());
  r.line().text(",\"mode\":{\"path\":\"").text(path_name()).text("\",\"threads\":\"").text(gamelan_metrics.threads)
      .text("\",\"gc\":\"").text(gamelan_metrics.gc).text("\",\"reason\":");
  quoted(r.line(), gamelan_metrics.reason);
  r.line().text("},\"metrics\":{");
  bool first = true;
  for (const MetricRow& row : kRows) {
    r.line().text(first ? "\"" : ",\"").text(row.name).text("\":").dec(metric_read(row.id));
    first = false;
  }
  r.line().text("},\"libc_heap_bytes\":").dec(libc_bytes).text("}\n");
}

void write_text() {
  const uint64_t libc_bytes = libc_heap_bytes();
  Report r;
  r.line().prefix().text(environment::program_name()).text(": path ").text(path_name()).text(", threads ")
      .text(gamelan_metrics.threads).text(", gc ").text(gamelan_metrics.gc).text("\n");
  r.line().prefix().text("why: ").text(gamelan_metrics.reason).text("\n");
  for (const MetricRow& row : kRows) r.line().prefix().text(row.name).text(" ").dec(metric_read(row.id)).text("\n");
  r.line().prefix().text("libc_heap_bytes ").dec(libc_bytes).text("\n");
}

using RegisterExit = int (*)(void (*)(void*), void*, void*);
constinit Next<RegisterExit> next_atexit{"__cxa_atexit"};
constinit Atomic<int> said{0};

bool wants_exit_report() { return options().stats || options().verify; }
}  // namespace

void report_at_exit() {
  if (!wants_exit_report() || said.exchange(1)) return;
  if (options().verify && tls_mcache != &fallback_mcache) {
    Guard g(tls_mcache->lock);
    verify_locked(tls_mcache);
  }
  const auto how = static_cast<StatsOption>(options().stats);
  if (how == StatsOption::json) write_json();
  else if (how != StatsOption::none) write_text();
}

namespace {
void at_exit(void*) { report_at_exit(); }
}  // namespace

void register_exit_report() {
  if (wants_exit_report()) next_atexit.get()(at_exit, nullptr, nullptr);
}

}  // namespace gamelan

// Handlers run in reverse order, and coreutils' closes stderr: with a report to make, ours is registered again behind
// each of the program's, so that one of ours always comes first.
GAMELAN_EXPORT int __cxa_atexit(void (*f)(void*), void* arg, void* dso) {
  using namespace gamelan;
  const int e = next_atexit.get()(f, arg, dso);
  if (GAMELAN_UNLIKELY(is_booted() && !is_inert())) register_exit_report();
  return e;
}
