// shim/sleep.cc: nanosleep(2), clock_nanosleep(2), usleep(3), sleep(3).
//
// Blocks   the G.  Returns  never early; what is left is told when a handler ran.
// Clocks   those that run evenly are waited for on CLOCK_MONOTONIC, and an absolute time is compared with its own clock
//          again at the end; CPU clocks and alarms are the kernel's.
// Source   POSIX.1-2017 nanosleep, clock_nanosleep, sleep; usleep(3).
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "shim/io_call.h"
#include "shim/next.h"
#include "shim/ready_wait.h"
#include "shim/sleep.h"

using namespace gamelan;
using namespace gamelan::io;

namespace {
bool is_valid(const timespec& t) { return t.tv_sec >= 0 && has_valid_nanos(t); }

bool runs_evenly(clockid_t c) {
  return c == CLOCK_REALTIME || c == CLOCK_MONOTONIC || c == CLOCK_BOOTTIME || c == CLOCK_TAI;
}

// 0 or EINTR.
int sleep_to(Nanos deadline) {
  cancel::point();
  while (sys::monotonic_now() < deadline) {
    if (sched::sleep_until(deadline, true) == Wake::interrupted && ends_call(false)) return EINTR;
  }
  return 0;
}

int sleep_span(const timespec& span, timespec* left) {
  const Nanos deadline = deadline_after(nanos_of(span));
  const int e = sleep_to(deadline);
  if (e && left) time_left(deadline, left);
  return e;
}

// A clock that is set back meanwhile is waited for again; set forward, it is seen within this time.
constexpr Nanos kLongestUnseen = kSecond;

int sleep_to_time(clockid_t clock, const timespec& at) {
  if (clock == CLOCK_MONOTONIC) return sleep_to(nanos_of(at));
  for (;;) {
    timespec now;
    sys::call(SYS_clock_gettime, clock, word(&now));
    const Nanos left = nanos_of(at) - nanos_of(now);
    if (left <= 0) return cancel::point(), 0;
    if (const int e = sleep_to(deadline_after(min_of(left, kLongestUnseen)))) return e;
  }
}
}  // namespace

namespace gamelan::io {

int clock_sleep(clockid_t clock, int flags, const timespec* t, timespec* left) {
  if (!t || !runs_evenly(clock)) return static_cast<int>(-block(SYS_clock_nanosleep, clock, flags, word(t), word(left)));
  if (!is_valid(*t)) return EINVAL;
  return flags & TIMER_ABSTIME ? sleep_to_time(clock, *t) : sleep_span(*t, left);
}

}  // namespace gamelan::io

GAMELAN_EXPORT int clock_nanosleep(clockid_t clock, int flags, const timespec* t, timespec* left) {
  static constinit auto next = next_for(clock_nanosleep, "clock_nanosleep");
  if (!can_park() || clock == CLOCK_THREAD_CPUTIME_ID) return next.waits(clock, flags, t, left);
  return clock_sleep(clock, flags, t, left);
}

GAMELAN_EXPORT int nanosleep(const timespec* t, timespec* left) {
  static constinit auto next = next_for(nanosleep, "nanosleep");
  if (!can_park()) return next.waits(t, left);
  return static_cast<int>(finish(-clock_sleep(CLOCK_REALTIME, 0, t, left)));
}

GAMELAN_EXPORT int usleep(useconds_t micros) {
  static constinit auto next = next_for(usleep, "usleep");
  if (!can_park()) return next.waits(micros);
  return static_cast<int>(finish(-sleep_to(deadline_after(Nanos{micros} * 1000))));
}

// Seconds that are left, cut down to whole ones, as glibc does; errno stays.
GAMELAN_EXPORT unsigned sleep(unsigned seconds) {
  static constinit auto next = next_for(sleep, "sleep");
  if (!can_park()) return next.waits(seconds);
  timespec left{};
  return sleep_span({static_cast<time_t>(seconds), 0}, &left) ? static_cast<unsigned>(left.tv_sec) : 0;
}

// C11: 0, -1 for a handler, another negative number for what is wrong.
GAMELAN_EXPORT int thrd_sleep(const timespec* t, timespec* left) {
  static constinit auto next = next_for(thrd_sleep, "thrd_sleep");
  if (!can_park()) return next.waits(t, left);
  const int e = clock_sleep(CLOCK_REALTIME, 0, t, left);
  return e == EINTR ? -1 : e ? -2 : 0;
}

GAMELAN_EXPORT int __nanosleep(const timespec* t, timespec* left) __attribute__((alias("nanosleep")));
