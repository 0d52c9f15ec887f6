// tests/e2e/programs/threads/dlopen_tls.c: thread-local variables of libraries linked, opened before threads live, and
// while they do.
//
// The libraries are tls_library.c under several names, reached by general-dynamic or by initial-exec TLS:
// GENERAL_EARLY, GENERAL_LATE, INITIAL_EARLY, INITIAL_LATE and REOPENED are their paths, LINKED is among the program's
// NEEDED.
#include "helpers.h"

#include <dlfcn.h>

int tls_count(void);  // of the linked one

typedef int (*count_function)(void);

static count_function open_library(const char* path) {
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) printf("%s\n", dlerror());
  MUST(library != NULL);
  return (count_function)dlsym(library, "tls_count");
}

static int wrong;
static void* uses(void* count) {
  for (int i = 1; i <= 20; i++) {
    if (((count_function)count)() != 1000 + i) add(&wrong, 1);
    if (i % 5)
      sched_yield();
    else
      usleep(100);
  }
  return NULL;
}
static int right_in_threads(count_function count) {
  pthread_t t[20];
  wrong = 0;
  for (int turn = 0; turn < 2; turn++) {  // the second on stacks that were used
    for (int i = 0; i < 20; i++) t[i] = start(uses, (void*)count);
    for (int i = 0; i < 20; i++) finish(t[i]);
  }
  return wrong == 0;
}

CASE(linked) {
  uses((void*)tls_count);
  CHECK(right_in_threads(tls_count));
}

static void opened_before(const char* path) {
  count_function count = open_library(path);
  uses((void*)count);  // main
  CHECK(wrong == 0);
  CHECK(right_in_threads(count));
}
CASE(general_dynamic_early) { opened_before(GENERAL_EARLY); }
CASE(initial_exec_early) { opened_before(INITIAL_EARLY); }

// Threads are alive, running, parked and blocked, when the library comes.
static int gate, there, pipe_ends[2];
static count_function late;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static void* lives_before(void* how) {
  char c;
  add(&there, 1);
  switch (number_of(how) % 3) {
    case 0: await(&gate, 1); break;
    case 1:
      pthread_mutex_lock(&mutex);
      while (!load(&gate)) pthread_cond_wait(&cond, &mutex);
      pthread_mutex_unlock(&mutex);
      break;
    case 2: MUST(read(pipe_ends[0], &c, 1) == 1);
  }
  return uses((void*)late);
}
static void* opens(void* path) { return (void*)open_library((const char*)path); }
static void opened_late(const char* path, int by_worker) {
  pthread_t t[30];
  MUST(pipe(pipe_ends) == 0);
  gate = there = wrong = 0;
  for (int i = 0; i < 30; i++) t[i] = start(lives_before, number(i));
  await(&there, 30);
  late = by_worker ? (count_function)finish(start(opens, (void*)path)) : open_library(path);
  uses((void*)late);
  pthread_mutex_lock(&mutex);
  store(&gate, 1);
  pthread_cond_broadcast(&cond);
  pthread_mutex_unlock(&mutex);
  MUST(write(pipe_ends[1], "0123456789", 10) == 10);
  for (int i = 0; i < 30; i++) finish(t[i]);
  CHECK(wrong == 0);
  CHECK(right_in_threads(late));
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}
CASE(general_dynamic_late) { opened_late(GENERAL_LATE, 1); }
CASE(initial_exec_late) { opened_late(INITIAL_LATE, 0); }
CASE(initial_exec_late_by_a_worker) { opened_late(INITIAL_LATER, 1); }

// Opened, used, closed and opened again: whoever used it before finds fresh variables.
static void* opens_uses_closes(void* arg) {
  for (int i = 0; i < 10; i++) {
    void* library = dlopen(REOPENED, RTLD_NOW);
    MUST(library != NULL);
    count_function count = (count_function)dlsym(library, "tls_count");
    const int first = count(), second = count();
    if (second != first + 1) add(&wrong, 1);  // another thread may keep it open, with our values
    sched_yield();
    dlclose(library);
  }
  return arg;
}
CASE(opened_and_closed_again) {
  wrong = 0;
  in_threads(10, opens_uses_closes);
  CHECK(wrong == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
