#include "sched/helper_thread.h"

#include <dirent.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vector>

#include "allocator/base/options.h"
#include "tests/unit/death.h"
#include "tests/unit/heap.h"

using namespace gamelan;

namespace {
constexpr Bytes kMuch = 64 * MiB;

size_t kernel_threads() {
  size_t n = 0;
  DIR* d = opendir("/proc/self/task");
  while (const dirent* e = readdir(d)) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

// Besides those that were there at the start: the test runner has its own.
size_t helper_threads() {
  static const size_t others = kernel_threads();
  return kernel_threads() - others;
}

void start(uint64_t delay_ms) {
  mutable_options_test_only().scavenge_delay = delay_ms;
  test::pass_on_memory_could_go_home = helper::wanted;
  test::start_heap();
  helper_threads();
  helper::enable();
}

int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
}

// Waits until `holds`, at most `ms`; returns whether it does.
template <class F>
bool within(int64_t ms, F holds) {
  for (const int64_t end = now_ms() + ms; now_ms() < end; usleep(5000))
    if (holds()) return true;
  return holds();
}

void use_and_free(Bytes n) {
  std::vector<void*> p;
  for (Bytes done = 0; done < n; done += 4 * MiB) {
    p.push_back(heap_malloc(4 * MiB));
    memset(p.back(), 1, 4 * MiB);
  }
  for (void* q : p) heap_free(q, "free");
}

bool is_home() { return mheap.scavengable() <= 2 * MiB; }
}  // namespace

Test(helper, is_not_made_before_there_is_work) {
  start(0);
  use_and_free(4 * MiB);
  usleep(20'000);
  cr_assert_eq(helper_threads(), 0u);
}

Test(helper, sends_free_memory_home_though_nobody_calls_again, .timeout = 20) {
  start(200);
  use_and_free(kMuch);
  cr_assert_gt(mheap.scavengable(), kMuch / 2);
  cr_assert(within(10'000, is_home), "%zu bytes are left", mheap.scavengable());
  cr_assert(within(1'000, [] { return metric_read(Metric::scavenged) >= kMuch - 2 * MiB; }), "the last step is counted");
}

Test(helper, leaves_memory_alone_before_its_age, .timeout = 20) {
  start(3'600'000);
  use_and_free(kMuch);
  usleep(500'000);
  cr_assert_eq(metric_read(Metric::scavenged), 0u);
  cr_assert_eq(helper_threads(), 1u);
}

Test(helper, ends_when_its_work_is_done_and_is_made_again, .timeout = 20) {
  start(0);
  for (int i = 0; i < 3; i++) {
    use_and_free(kMuch);
    cr_assert_eq(helper_threads(), 1u, "round %d", i);
    cr_assert(within(6'000, [] { return is_home() && helper_threads() == 0; }), "round %d", i);
  }
}

Test(helper, stop_returns_when_the_thread_is_gone_and_wanted_makes_a_new_one, .timeout = 20) {
  start(3'600'000);
  use_and_free(kMuch);
  cr_assert_eq(helper_threads(), 1u);
  for (int i = 0; i < 50; i++) {
    helper::stop();
    cr_assert_eq(helper_threads(), 0u);
    helper::stop();
    helper::wanted();
    cr_assert_eq(helper_threads(), 1u);
    helper::wanted();
    cr_assert_eq(helper_threads(), 1u, "one at most");
  }
}

Test(helper, is_not_made_unless_enabled_nor_once_forbidden, .timeout = 20) {
  mutable_options_test_only().scavenge_delay = 3'600'000;
  test::start_heap();
  helper_threads();
  use_and_free(kMuch);
  helper::wanted();
  cr_assert_eq(helper_threads(), 0u);
  helper::enable();
  helper::wanted();
  cr_assert_eq(helper_threads(), 1u);
  helper::forbid();
  cr_assert_eq(helper_threads(), 0u);
  helper::wanted();
  cr_assert_eq(helper_threads(), 0u);
}

Test(helper, takes_no_signal_of_the_programs) {
  start(3'600'000);
  use_and_free(kMuch);
  DIR* d = opendir("/proc/self/task");
  int tid = 0;
  while (const dirent* e = readdir(d))
    if (e->d_name[0] != '.' && atoi(e->d_name) != getpid()) tid = atoi(e->d_name);
  closedir(d);
  cr_assert_neq(tid, 0);
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
  FILE* f = fopen(path, "r");
  unsigned long blocked = 0;
  while (fgets(line, sizeof line, f)) sscanf(line, "SigBlk: %lx", &blocked);
  fclose(f);
  // All but SIGKILL and SIGSTOP.
  cr_assert_eq(blocked | 1ul << 8 | 1ul << 18, ~0ul);
}

Test(helper, is_gone_while_the_process_forks_and_back_in_the_parent, .timeout = 20) {
  start(3'600'000);
  use_and_free(kMuch);
  helper::before_fork();
  cr_assert_eq(helper_threads(), 0u);
  const pid_t child = fork();
  if (child == 0) {
    helper::after_fork(true);
    if (kernel_threads() != 1) _exit(1);  // fork copies the caller alone
    helper::wanted();
    _exit(kernel_threads() == 2 ? 0 : 2);
  }
  helper::after_fork(false);
  cr_assert_eq(helper_threads(), 1u);
  int status = 0;
  waitpid(child, &status, 0);
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

Test(helper, works_while_the_program_allocates, .timeout = 20) {
  start(0);
  std::vector<char*> p(40, nullptr);
  for (int i = 0; i < 2000; i++) {
    char*& q = p[static_cast<size_t>(i * 7) % p.size()];
    if (q) cr_assert(test::is_filled(q, 3 * MiB, 3));
    heap_free(q, "free");
    q = static_cast<char*>(heap_malloc(3 * MiB));
    if (i % 8 == 0) test::fill(q, 3 * MiB, 3);
    else {
      heap_free(q, "free");
      q = nullptr;
    }
  }
  helper::stop();
  test::verify(tls_mcache);
}
