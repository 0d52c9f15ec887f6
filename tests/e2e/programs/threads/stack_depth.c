// tests/e2e/programs/threads/stack_depth.c: recursion through the whole of 8 MiB, across yields; beyond it is SIGSEGV,
// not a neighbour.
#include "helpers.h"

#include <sys/resource.h>

// Goes down until `room` bytes of stack are used, and looks at every frame again on the way back.
static long deep(const char* top, long room, int depth) {
  volatile char frame[1000];
  frame[0] = (char)depth;
  frame[999] = (char)(depth >> 8);
  if (depth % 1000 == 0) sched_yield();
  const long used = top - (char*)__builtin_frame_address(0);
  const long reached = used < room ? deep(top, room, depth + 1) : used;
  return frame[0] == (char)depth && frame[999] == (char)(depth >> 8) ? reached : -1;
}

static void* goes_down(void* room) { return number(deep(__builtin_frame_address(0), number_of(room), 0)); }
CASE(the_full_eight_mebibytes) {
  const intptr_t room = (8 << 20) - (32 << 10);  // what the start of a thread and its TLS have already
  pthread_t t[10];
  for (int i = 0; i < 10; i++) t[i] = start_on(8 << 20, goes_down, number(room));
  for (int i = 0; i < 10; i++) CHECK(number_of(finish(t[i])) >= room);
  // And again, on stacks that were used before.
  for (int i = 0; i < 10; i++) CHECK(number_of(finish(start_on(8 << 20, goes_down, number(room)))) >= room);
}

CASE(larger_and_smaller_ones) {
  CHECK(number_of(finish(start_on(64 << 20, goes_down, number((64 << 20) - (32 << 10))))) > 0);
  CHECK(number_of(finish(start_on(256 << 10, goes_down, number((256 << 10) - (32 << 10))))) > 0);
}

static int child_of_fork(void* (*body)(void*), void* arg, size_t stack) {
  fflush(stdout);
  pid_t pid = fork();
  if (!pid) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    finish(start_on(stack, body, arg));
    _exit(0);
  }
  return ended_with(pid);
}
CASE(beyond_its_end_is_a_segmentation_fault) {
  CHECK(child_of_fork(goes_down, number(9 << 20), 8 << 20) == 1000 + SIGSEGV);
  CHECK(child_of_fork(goes_down, number(1 << 20), 256 << 10) == 1000 + SIGSEGV);
}

// The program's own handler, on a stack of its own, sees the address.
static char* low;
static void on_fault(int sig, siginfo_t* info, void* context) {
  (void)sig, (void)context;
  const char* at = info->si_addr;
  _exit(at < low + (64 << 10) && at > low - (64 << 10) ? 33 : 34);
}
static void* faults_with_a_handler(void* room) {
  static char stack[64 << 10];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack}, back;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, NULL);
  MUST(sigaltstack(&alternate, NULL) == 0);
  sched_yield();
  MUST(sigaltstack(NULL, &back) == 0 && back.ss_sp == stack);
  low = (char*)__builtin_frame_address(0) - (256 << 10);
  return goes_down(room);
}
CASE(a_handler_on_its_own_stack) { CHECK(child_of_fork(faults_with_a_handler, number(1 << 20), 256 << 10) == 33); }

static void* has_no_alternate(void* arg) {
  (void)arg;
  stack_t back;
  return number(sigaltstack(NULL, &back) == 0 && (back.ss_flags & SS_DISABLE));
}
CASE(alternate_stacks_are_not_inherited) {
  static char stack[64 << 10];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack}, none = {.ss_flags = SS_DISABLE};
  CHECK(sigaltstack(&alternate, NULL) == 0);
  CHECK(finish(start(has_no_alternate, NULL)) == number(1));
  CHECK(sigaltstack(&none, NULL) == 0);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
