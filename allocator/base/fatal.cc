// allocator/base/fatal.cc: last words.
#include "allocator/base/fatal.h"

#include "allocator/base/metrics.h"
#include "allocator/base/output.h"
#include "allocator/base/syscall.h"

#ifndef GAMELAN_VERSION
#define GAMELAN_VERSION "dev"
#endif

namespace gamelan {

constinit LastWords before_the_end = nullptr;

void fatal(const char* what) {
  Line line;
  line.prefix().text("fatal: ").text(what).text(" (gamelan " GAMELAN_VERSION ", path ")
      .text(gamelan_metrics.path == 2 ? "bitmap" : "lists").text(", threads ").text(gamelan_metrics.threads)
      .text(", gc ").text(gamelan_metrics.gc).text(")");
  output::write_line(line);
  Line advice;
  advice.prefix().text("to bisect: GAMELAN=off, GAMELAN_OPTIONS=path=bitmap, GAMELAN_OPTIONS=verify=1");
  output::write_line(advice);
  if (auto say = __atomic_exchange_n(&before_the_end, nullptr, __ATOMIC_SEQ_CST)) say();
  sys::abort_process();
}

void user_fatal(Line& line) {
  output::write_line(line);
  sys::abort_process();
}

}  // namespace gamelan
