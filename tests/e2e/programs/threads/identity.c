// tests/e2e/programs/threads/identity.c: setuid and its family from a thread change all threads; all come back (nothing
// to change unless root). What a thread asks the kernel of itself by number is true of the thread that it is.
#include "helpers.h"

#include <grp.h>
#include <sys/syscall.h>

static int round_number, seen, wrong, stop;
static uid_t want;

// Looks at its own identity whenever asked, by glibc and by the kernel itself.
static void* looks(void* arg) {
  for (int r = 1; r <= 6; r++) {
    while (load(&round_number) < r) {
      if (number_of(arg) % 3 == 0)
        usleep(200);
      else if (number_of(arg) % 3 == 1)
        sched_yield();
    }
    if (geteuid() != want || (uid_t)syscall(SYS_geteuid) != want) add(&wrong, 1);
    add(&seen, 1);
  }
  return NULL;
}

static void* changes(void* arg) {
  const int threads = (int)number_of(arg);
  static const uid_t ids[] = {65534, 0, 1, 0, 65534, 0};
  for (int r = 0; r < 6; r++) {
    CHECK(seteuid(ids[r]) == 0);
    want = ids[r];
    store(&seen, 0);
    store(&round_number, r + 1);
    await(&seen, threads);
  }
  return NULL;
}
CASE(all_threads_change) {
  pthread_t t[12];
  for (int i = 0; i < 12; i++) t[i] = start(looks, number(i));
  if (geteuid() == 0) {
    finish(start(changes, number(12)));
  } else {
    want = geteuid();
    store(&round_number, 6);
  }
  for (int i = 0; i < 12; i++) finish(t[i]);
  CHECK(wrong == 0);
}

static void* drops_all(void* arg) {
  (void)arg;
  gid_t group = 65534;
  return number(setgroups(1, &group) == 0 && setresgid(65534, 65534, 65534) == 0 &&
                setresuid(65534, 65534, 65534) == 0);
}
static void* has_nobody_s_rights(void* arg) {
  (void)arg;
  uid_t r, e, s;
  await(&stop, 1);
  return number(getresuid(&r, &e, &s) == 0 && r == 65534 && e == 65534 && s == 65534 && getgid() == 65534 &&
                setuid(0) == -1);
}
CASE(dropped_for_good) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    if (geteuid()) _exit(15);
    pthread_t t = start(has_nobody_s_rights, NULL);
    const int dropped = finish(start(drops_all, NULL)) == number(1);
    store(&stop, 1);
    _exit(dropped && finish(t) == number(1) && finish(start(has_nobody_s_rights, NULL)) == number(1) ? 15 : 16);
  }
  CHECK(ended_with(pid) == 15);
}

// Detached: glibc's join waits for the word that the kernel would have cleared instead.
static int cleared = 1;
static void* tells_the_kernel(void* arg) {
  const long tid = syscall(SYS_gettid);
  CHECK(tid == gettid() && syscall(SYS_set_tid_address, &cleared) == tid);
  for (int i = 0; i < 3; i++) sched_yield();
  CHECK(syscall(SYS_gettid) == tid && load(&cleared) == 1);
  return arg;
}
CASE(its_end_clears_a_word) {
  MUST(pthread_detach(start(tells_the_kernel, NULL)) == 0);
  for (int n = 0; load(&cleared) && n < 5000; n++) usleep(1000);
  CHECK(load(&cleared) == 0);
}

static void* has_a_robust_list(void* arg) {
  void *own = NULL, *by_id = NULL;
  size_t size = 0;
  CHECK(syscall(SYS_get_robust_list, 0, &own, &size) == 0 && size == 3 * sizeof(void*) && own);
  CHECK(syscall(SYS_get_robust_list, gettid(), &by_id, &size) == 0 && by_id == own);
  CHECK(syscall(SYS_set_robust_list, own, size) == 0);
  CHECK(syscall(SYS_set_robust_list, own, size + 1) == -1 && errno == EINVAL);
  return own;
}
CASE(robust_lists_are_each_s_own) {
  const pthread_t a = start(has_a_robust_list, NULL), b = start(has_a_robust_list, NULL);
  void *of_a = finish(a), *of_b = finish(b), *of_main = has_a_robust_list(NULL);
  CHECK(of_a != of_main && of_b != of_main);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
