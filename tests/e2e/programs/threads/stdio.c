// tests/e2e/programs/threads/stdio.c: one stream from many threads, over 100 000 yields: lines whole, none lost, locks
// recursive.
#include "helpers.h"

enum { kThreads = 20, kLines = 1000, kYields = 5 };

static FILE* file;
static void* prints(void* i) {
  for (int n = 0; n < kLines; n++) {
    fprintf(file, "thread %d line %d, %s\n", (int)number_of(i), n, "some text that makes it longer");
    for (int y = 0; y < kYields; y++) sched_yield();
  }
  return NULL;
}
CASE(lines_stay_whole) {
  file = tmpfile();
  MUST(file != NULL);
  in_threads(kThreads, prints);
  rewind(file);
  static int next[kThreads];
  int thread, line, wrong = 0, lines = 0;
  char text[200], rest[100];
  while (fgets(text, sizeof text, file)) {
    lines++;
    if (sscanf(text, "thread %d line %d, %99[^\n]", &thread, &line, rest) != 3 || thread < 0 || thread >= kThreads ||
        next[thread]++ != line || strcmp(rest, "some text that makes it longer"))
      wrong++;
  }
  CHECK(wrong == 0 && lines == kThreads * kLines);
  fclose(file);
}

// flockfile holds over a yield and nests.
static void* prints_three(void* i) {
  for (int n = 0; n < 100; n++) {
    flockfile(file);
    flockfile(file);
    fprintf(file, "%d ", (int)number_of(i));
    sched_yield();
    fprintf(file, "%d ", (int)number_of(i));
    funlockfile(file);
    if (n % 10 == 0) usleep(100);
    fprintf(file, "%d\n", (int)number_of(i));
    funlockfile(file);
  }
  return NULL;
}
CASE(flockfile_holds) {
  file = tmpfile();
  in_threads(10, prints_three);
  rewind(file);
  int a, b, c, lines = 0, wrong = 0;
  while (fscanf(file, "%d %d %d", &a, &b, &c) == 3) lines++, wrong += a != b || b != c;
  CHECK(lines == 1000 && wrong == 0);
  fclose(file);
}

static void* tries(void* arg) {
  (void)arg;
  const int code = ftrylockfile(file);
  if (!code) funlockfile(file);
  return number(code != 0);
}
CASE(a_stream_may_be_tried) {
  file = tmpfile();
  flockfile(file);
  CHECK(finish(start(tries, NULL)) == number(1));
  funlockfile(file);
  CHECK(finish(start(tries, NULL)) == number(0));
  fclose(file);
}

// A reader blocks inside stdio with the stream's lock held; others use theirs, and who wants that lock waits.
static FILE* from_pipe;
static int to_pipe;
static void* reads_lines(void* sum) {
  char line[100];
  for (int i = 0; i < 25; i++) {
    MUST(fgets(line, sizeof line, from_pipe) != NULL);
    add((int*)sum, atoi(line));
  }
  return NULL;
}
CASE(blocked_in_a_stream) {
  int ends[2], sum = 0;
  pthread_t t[4];
  MUST(pipe(ends) == 0);
  from_pipe = fdopen(ends[0], "r");
  to_pipe = ends[1];
  for (int i = 0; i < 4; i++) t[i] = start(reads_lines, &sum);
  for (int i = 1; i <= 100; i++) {
    dprintf(to_pipe, "%d\n", i);
    if (i % 10 == 0) usleep(200);
  }
  for (int i = 0; i < 4; i++) finish(t[i]);
  CHECK(sum == 5050);
  fclose(from_pipe);
  close(to_pipe);
}

// Streams are opened, walked over by fflush(NULL) and closed all at once.
static void* opens_and_closes(void* i) {
  for (int n = 0; n < 50; n++) {
    FILE* f = fopen("/dev/null", "w");
    MUST(f != NULL);
    fprintf(f, "%d", (int)number_of(i));
    if (n % 10 == 0) fflush(NULL);
    sched_yield();
    fclose(f);
  }
  return NULL;
}
CASE(streams_come_and_go) { in_threads(20, opens_and_closes); }

int main(int argc, char** argv) { return check_main(argc, argv); }
