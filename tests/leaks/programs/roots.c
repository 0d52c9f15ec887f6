// tests/leaks/programs/roots.c: every place in which a program may keep a pointer: nothing is lost here.
#include "leaks.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

struct leak_case* all_cases;

void* in_bss;
void* in_data = &in_bss;
APART void keep_in_bss(void) { in_bss = malloc(100); }
APART void keep_in_data(void) { in_data = malloc(101); }
CASE(globals) {
  keep_in_bss();
  keep_in_data();
}
APART void* keep_on_stack(void) { return seen(malloc(102)); }
CASE(stack_of_who_exits) {
  void* volatile mine = keep_on_stack();
  forget();
  exit(mine == NULL);
}

static int ready;
static int ends[2];
APART void* keep_in_blocked(void) { return seen(malloc(103)); }
static void* blocks(void* arg) {
  void* volatile mine = keep_in_blocked();
  char c;
  __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  (void)!read(ends[0], &c, 1);
  return mine ? arg : NULL;
}
APART void* keep_in_computing(void) { return seen(malloc(104)); }
static void* computes(void* arg) {
  register void* mine __asm__("r12") = keep_in_computing();
  (void)arg;
  for (;;) {
    __asm__ volatile("" : "+r"(mine));
    __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  }
  return mine;
}
APART void* keep_in_vector_register(void) { return seen(malloc(105)); }
static void* computes_with_vectors(void* arg) {
  (void)arg;
  __asm__ volatile("movq %0, %%xmm7\n\txor %%eax, %%eax\n1:\tmovl $1, %1\n\tjmp 1b"
                   : : "a"(keep_in_vector_register()), "m"(ready) : "xmm7", "memory");
  return NULL;
}
static void beside(void* (*body)(void*)) {
  pthread_t t;
  MUST(pipe(ends) == 0);
  MUST(pthread_create(&t, NULL, body, NULL) == 0);
  while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST)) usleep(1000);
  usleep(20000);
}
CASE(stack_of_a_blocked_thread) { beside(blocks); }
CASE(register_of_a_computing_thread) { beside(computes); }
CASE(vector_register) { beside(computes_with_vectors); }

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
APART void* keep_in_waiting(void) { return seen(malloc(106)); }
static void* waits(void* arg) {
  void* volatile mine = keep_in_waiting();
  pthread_mutex_lock(&lock);
  __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  while (mine) pthread_cond_wait(&never, &lock);
  return arg;
}
CASE(stack_of_a_waiting_thread) { beside(waits); }

__thread void* own;
__thread char much[3000];
APART void keep_in_tls(void) {
  own = malloc(107);
  void* p = malloc(108);
  memcpy(much + 2000, &p, sizeof p);
}
static void* keeps_in_tls(void* arg) {
  keep_in_tls();
  __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  char c;
  (void)!read(ends[0], &c, 1);
  return arg;
}
CASE(tls_of_main) { keep_in_tls(); }
CASE(tls_of_a_thread) { beside(keeps_in_tls); }
static pthread_key_t keys[40];
APART void keep_specific(void) {
  for (int i = 0; i < 40; i += 39) MUST(pthread_setspecific(keys[i], malloc(109)) == 0);
}
static void* has_specific(void* arg) {
  keep_specific();
  __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  char c;
  (void)!read(ends[0], &c, 1);
  return arg;
}
CASE(specific_data) {
  for (int i = 0; i < 40; i++) MUST(pthread_key_create(&keys[i], NULL) == 0);
  beside(has_specific);
}
APART void* keep_unread_result(void) { return seen(malloc(110)); }
static void* has_ended(void* arg) {
  (void)arg;
  void* mine = keep_unread_result();
  __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  return mine;
}
CASE(result_that_may_yet_be_taken) { beside(has_ended); }

APART void keep_in_mapping(void** where) { *where = malloc(111); }
static void* mapping(int flags, int fd) {
  void* p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags, fd, 0);
  MUST(p != MAP_FAILED);
  return p;
}
CASE(private_mapping) { keep_in_mapping((void**)mapping(MAP_PRIVATE | MAP_ANONYMOUS, -1) + 5000); }
CASE(shared_mapping) { keep_in_mapping((void**)mapping(MAP_SHARED | MAP_ANONYMOUS, -1) + 5000); }
CASE(shared_file_in_memory) {
  const int fd = memfd_create("leaks", 0);
  MUST(ftruncate(fd, 1 << 20) == 0);
  keep_in_mapping((void**)mapping(MAP_SHARED, fd) + 5000);
}
CASE(program_break) {
  void** p = sbrk(1 << 16);
  keep_in_mapping(p + 100);
}
APART void* keep_in_coroutine(void) { return seen(malloc(112)); }
static ucontext_t main_context, coroutine;
static void runs_aside(void) {
  void* volatile mine = keep_in_coroutine();
  swapcontext(&coroutine, &main_context);
  puts(mine);
}
CASE(stack_of_a_coroutine) {
  getcontext(&coroutine);
  coroutine.uc_stack.ss_sp = mapping(MAP_PRIVATE | MAP_ANONYMOUS, -1);
  coroutine.uc_stack.ss_size = 1 << 20;
  makecontext(&coroutine, runs_aside, 0);
  swapcontext(&main_context, &coroutine);
}
APART void* keep_on_alternate_stack(void) { return seen(malloc(113)); }
static void on_signal(int s) {
  void* volatile mine = keep_on_alternate_stack();
  (void)s;
  __atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
  while (mine) pause();
}
static void* handles_for_ever(void* arg) {
  const stack_t s = {.ss_sp = mapping(MAP_PRIVATE | MAP_ANONYMOUS, -1), .ss_size = 1 << 20};
  struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  MUST(sigaltstack(&s, NULL) == 0 && sigaction(SIGUSR1, &a, NULL) == 0);
  pthread_kill(pthread_self(), SIGUSR1);
  return arg;
}
CASE(alternate_stack) { beside(handles_for_ever); }

APART void keep_in_epoll(int ep) {
  struct epoll_event e = {EPOLLIN, {.ptr = malloc(114)}};
  MUST(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &e) == 0);
}
CASE(epoll_data) {
  MUST(pipe(ends) == 0);
  keep_in_epoll(epoll_create1(0));
}
APART void keep_in_timer(void) {
  timer_t t;
  struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_ptr = malloc(115)};
  MUST(timer_create(CLOCK_MONOTONIC, &e, &t) == 0);
}
CASE(timer_value) { keep_in_timer(); }
APART void keep_in_pipe(void) {
  void* p = malloc(116);
  MUST(write(ends[1], &p, sizeof p) == sizeof p);
}
CASE(pipe_contents) {
  MUST(pipe(ends) == 0);
  keep_in_pipe();
}

char* pointer;
APART void keep_inside(void) { pointer = (char*)malloc(200) + 150; }
CASE(interior_pointer) { keep_inside(); }
APART void keep_past_the_end(void) {
  pointer = (char*)malloc(64) + 64;
  for (int i = 0; i < 8; i++) free(seen(malloc(64)));
}
CASE(one_past_the_end) { keep_past_the_end(); }
uintptr_t tagged;
APART void keep_tagged(void) { tagged = (uintptr_t)malloc(48) | 7; }
CASE(tagged_in_low_bits) { keep_tagged(); }
APART void* keep_link(void* next) {
  void** p = malloc(50);
  *p = next;
  return p;
}
CASE(behind_others) {
  in_bss = keep_link(keep_link(keep_link(NULL)));
  in_data = (char*)mapping(MAP_PRIVATE | MAP_ANONYMOUS, -1) + 64;
  *(void**)in_data = keep_link(NULL);
}

int main(int argc, char** argv) { return leaks_main(argc, argv); }
