// tests/e2e/programs/threads/attributes.c: thread attributes and what pthread_getattr_np says, names, affinity, clocks,
// policies.
#include "helpers.h"

#include <sys/mman.h>
#include <sys/resource.h>

static size_t default_stack(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_STACK, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? 2u << 20 : limit.rlim_cur;
}

CASE(attributes_are_kept) {
  pthread_attr_t attr;
  size_t n = 0;
  int i = -1;
  struct sched_param param = {.sched_priority = 9};
  CHECK(pthread_attr_init(&attr) == 0);
  CHECK(pthread_attr_getstacksize(&attr, &n) == 0 && n == default_stack());
  CHECK(pthread_attr_getguardsize(&attr, &n) == 0 && n == 4096);
  CHECK(pthread_attr_getdetachstate(&attr, &i) == 0 && i == PTHREAD_CREATE_JOINABLE);
  CHECK(pthread_attr_getscope(&attr, &i) == 0 && i == PTHREAD_SCOPE_SYSTEM);
  CHECK(pthread_attr_getinheritsched(&attr, &i) == 0 && i == PTHREAD_INHERIT_SCHED);
  CHECK(pthread_attr_getschedpolicy(&attr, &i) == 0 && i == SCHED_OTHER);
  CHECK(pthread_attr_getschedparam(&attr, &param) == 0 && param.sched_priority == 0);
  CHECK(pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN - 1) == EINVAL);
  CHECK(pthread_attr_setdetachstate(&attr, 77) == EINVAL);
  CHECK(pthread_attr_setstacksize(&attr, 1 << 20) == 0 && pthread_attr_getstacksize(&attr, &n) == 0 && n == 1 << 20);
  CHECK(pthread_attr_setguardsize(&attr, 12345) == 0 && pthread_attr_getguardsize(&attr, &n) == 0 && n == 12345);
  CHECK(pthread_attr_destroy(&attr) == 0);
}

CASE(the_default_may_be_changed) {
  pthread_attr_t attr, back;
  size_t n = 0;
  CHECK(pthread_getattr_default_np(&attr) == 0);
  pthread_attr_setstacksize(&attr, 2 << 20);
  CHECK(pthread_setattr_default_np(&attr) == 0);
  CHECK(pthread_getattr_default_np(&back) == 0 && pthread_attr_getstacksize(&back, &n) == 0 && n == 2 << 20);
  pthread_attr_setstacksize(&attr, default_stack());
  CHECK(pthread_setattr_default_np(&attr) == 0);
}

struct stack {
  void* base;
  size_t size, guard;
};
static struct stack my_stack(void) {
  pthread_attr_t attr;
  struct stack s;
  MUST(pthread_getattr_np(pthread_self(), &attr) == 0);
  pthread_attr_getstack(&attr, &s.base, &s.size);
  pthread_attr_getguardsize(&attr, &s.guard);
  pthread_attr_destroy(&attr);
  return s;
}
static void* checks_its_stack(void* want) {
  struct stack s = my_stack();
  const char* here = __builtin_frame_address(0);
  CHECK(here > (char*)s.base && here < (char*)s.base + s.size);
  CHECK(s.size >= (size_t)number_of(want) && s.size < (size_t)number_of(want) + (64 << 10));
  // All of it is there: the last page as well as the first.
  volatile char* last = (volatile char*)s.base + s.guard;
  *last = 1;
  CHECK(*last == 1);
  return NULL;
}
CASE(getattr_np_of_running_threads) {
  static const size_t sizes[] = {64 << 10, 1 << 20, 8 << 20, 64 << 20};
  for (int i = 0; i < 4; i++) finish(start_on(sizes[i], checks_its_stack, number((intptr_t)sizes[i])));
  struct stack s = my_stack();  // main's
  const char* here = __builtin_frame_address(0);
  CHECK(here > (char*)s.base && here < (char*)s.base + s.size);
}

static void* says_detach_state(void* arg) {
  pthread_attr_t attr;
  int before = -1, after = -1;
  pthread_getattr_np(pthread_self(), &attr);
  pthread_attr_getdetachstate(&attr, &before);
  pthread_attr_destroy(&attr);
  pthread_detach(pthread_self());
  pthread_getattr_np(pthread_self(), &attr);
  pthread_attr_getdetachstate(&attr, &after);
  pthread_attr_destroy(&attr);
  store((int*)arg, before == PTHREAD_CREATE_JOINABLE && after == PTHREAD_CREATE_DETACHED ? 1 : 2);
  return NULL;
}
CASE(getattr_np_knows_detached_ones) {
  static int said;
  start(says_detach_state, &said);
  await(&said, 1);
  CHECK(said == 1);
}

static void* guard_of(void* arg) {
  (void)arg;
  return number((intptr_t)my_stack().guard);
}
CASE(guard_sizes) {
  static const size_t asked[] = {0, 1, 4096, 5000, 65536};
  for (int i = 0; i < 5; i++) {
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setguardsize(&attr, asked[i]);
    MUST(pthread_create(&t, &attr, guard_of, NULL) == 0);
    CHECK((size_t)number_of(finish(t)) >= asked[i] && (asked[i] || finish(start(guard_of, NULL)) != NULL));
  }
}

// Stacks of the program's own: used where they are, left alone afterwards.
static void* lives_on(void* base) {
  const char* here = __builtin_frame_address(0);
  CHECK(here > (char*)base && here < (char*)base + (256 << 10));
  struct stack s = my_stack();
  CHECK(s.base == base && s.size == 256 << 10 && s.guard == 0);
  sched_yield();
  char room[100000];
  memset(room, 5, sizeof room);
  usleep(100);
  return number(room[0] + room[99999]);
}
CASE(stacks_of_the_program_s) {
  for (int i = 0; i < 20; i++) {
    pthread_attr_t attr;
    pthread_t t;
    void* base = mmap(NULL, 256 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_init(&attr);
    CHECK(pthread_attr_setstack(&attr, base, 256 << 10) == 0);
    MUST(pthread_create(&t, &attr, lives_on, base) == 0);
    CHECK(finish(t) == number(10));
    memset(base, 0, 256 << 10);  // ours again
    munmap(base, 256 << 10);
  }
}

static int gate;
static void* waits(void* arg) {
  await(&gate, 1);
  return arg;
}
static void* names_itself(void* arg) {
  char want[16], name[16];
  snprintf(want, sizeof want, "worker-%d", (int)number_of(arg));
  CHECK(pthread_setname_np(pthread_self(), want) == 0);
  sched_yield();
  CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0 && !strcmp(name, want));
  return NULL;
}
CASE(names) {
  char name[16];
  store(&gate, 0);
  pthread_t t = start(waits, NULL);
  CHECK(pthread_setname_np(t, "given by main") == 0);
  CHECK(pthread_getname_np(t, name, sizeof name) == 0 && !strcmp(name, "given by main"));
  CHECK(pthread_setname_np(t, "0123456789abcdef") == ERANGE);
  CHECK(pthread_getname_np(t, name, 3) == ERANGE);
  store(&gate, 1);
  finish(t);
  in_threads(50, names_itself);
  CHECK(pthread_setname_np(pthread_self(), "main one") == 0);
  CHECK(pthread_getname_np(pthread_self(), name, sizeof name) == 0 && !strcmp(name, "main one"));
}

static void* is_on_one_cpu(void* arg) {
  (void)arg;
  cpu_set_t set, got;
  CPU_ZERO(&set);
  MUST(sched_getaffinity(0, sizeof got, &got) == 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &got)) cpu++;
  CPU_SET(cpu, &set);
  CHECK(pthread_setaffinity_np(pthread_self(), sizeof set, &set) == 0);
  CHECK(pthread_getaffinity_np(pthread_self(), sizeof got, &got) == 0 && CPU_EQUAL(&set, &got));
  for (int i = 0; i < 100; i++) {
    sched_yield();
    CHECK(sched_getcpu() == cpu);
  }
  return NULL;
}
CASE(affinity) {
  cpu_set_t before, after;
  CHECK(pthread_getaffinity_np(pthread_self(), sizeof before, &before) == 0);
  in_threads(4, is_on_one_cpu);
  CHECK(pthread_getaffinity_np(pthread_self(), sizeof after, &after) == 0 && CPU_EQUAL(&before, &after));
}

static void* burns(void* clock) {
  MUST(pthread_getcpuclockid(pthread_self(), (clockid_t*)clock) == 0);
  const int64_t before = now(*(clockid_t*)clock);
  while (now(*(clockid_t*)clock) - before < 2000000) {}
  CHECK(now(CLOCK_THREAD_CPUTIME_ID) >= before + 2000000);
  return NULL;
}
CASE(cpu_clocks) {
  clockid_t clock;
  finish(start(burns, &clock));
  CHECK(now(CLOCK_PROCESS_CPUTIME_ID) >= 2000000);
}

CASE(policies) {
  int policy = -1;
  struct sched_param param = {.sched_priority = 9};
  store(&gate, 0);
  pthread_t t = start(waits, NULL);
  CHECK(pthread_getschedparam(t, &policy, &param) == 0 && policy == SCHED_OTHER && param.sched_priority == 0);
  param.sched_priority = 0;
  CHECK(pthread_setschedparam(t, SCHED_OTHER, &param) == 0);
  param.sched_priority = 1000;
  CHECK(pthread_setschedparam(t, SCHED_FIFO, &param) == EINVAL);
  store(&gate, 1);
  finish(t);
  CHECK(pthread_setconcurrency(3) == 0 && pthread_getconcurrency() == 3);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
