// tests/leaks/programs/kinds.c: every way to lose a block.
#include "leaks.h"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/wait.h>

struct leak_case* all_cases;

struct node {
  struct node* next;
  char pad[40];
};

APART void leak_malloc(void) { seen(malloc(100)); }
CASE(direct) {
  leak_malloc();
  leak_malloc();
}
APART void leak_calloc(void) { seen(calloc(7, 30)); }
CASE(zeroed) { leak_calloc(); }
APART void leak_realloc(void) {
  char* p = seen(malloc(20));
  for (int n = 40; n < 5000; n *= 2) p = seen(realloc(p, (size_t)n));
}
CASE(grown) { leak_realloc(); }
APART void leak_memalign(void) {
  void* p = NULL;
  MUST(posix_memalign(&p, 4096, 300) == 0);
  seen(p);
  seen(memalign(64, 100));
  seen(aligned_alloc(256, 512));
}
CASE(aligned) { leak_memalign(); }
APART void leak_strdup(void) { seen(strdup("lost and never found")); }
CASE(copied) { leak_strdup(); }
APART void leak_large(void) { memset(seen(malloc(5000000)), 1, 5000000); }
CASE(large) { leak_large(); }
APART void leak_nothing(void) { seen(malloc(0)); }
CASE(of_no_bytes) { leak_nothing(); }

APART void leak_list(void) {
  struct node* first = NULL;
  for (int i = 0; i < 10; i++) {
    struct node* n = seen(malloc(sizeof *n));
    n->next = first;
    first = n;
  }
}
CASE(list) { leak_list(); }
APART void leak_ring(void) {
  struct node *a = seen(malloc(sizeof *a)), *b = seen(malloc(sizeof *b)), *c = seen(malloc(sizeof *c));
  a->next = b, b->next = c, c->next = a;
}
CASE(ring) { leak_ring(); }
APART void leak_ring_with_tail(void) {
  struct node *a = seen(malloc(sizeof *a)), *b = seen(malloc(sizeof *b)), *head = seen(malloc(sizeof *head));
  a->next = b, b->next = a, head->next = a;
}
CASE(ring_with_tail) { leak_ring_with_tail(); }
APART void leak_own_tail(void) {
  struct node* a = seen(malloc(sizeof *a));
  a->next = a;
}
CASE(points_at_itself) { leak_own_tail(); }

void* global;
APART void leak_overwritten(void) { global = malloc(60); }
APART void keep_new_value(void) { global = malloc(61); }
CASE(overwritten) {
  leak_overwritten();
  forget();
  keep_new_value();
}
APART void leak_many(void) {
  for (int i = 0; i < 100000; i++) seen(malloc(24));
}
CASE(many_small) { leak_many(); }
APART struct node* keep_head(void) { return global = seen(calloc(1, sizeof(struct node))); }
APART void leak_unlinked(struct node* head) {
  head->next = seen(malloc(sizeof *head));
  head->next->next = NULL;
}
CASE(unlinked) {
  struct node* head = keep_head();
  leak_unlinked(head);
  head->next = NULL;
}

APART void leak_in_thread(void) { seen(malloc(70)); }
static void* loses(void* arg) {
  leak_in_thread();
  return arg;
}
CASE(exited_thread) {
  pthread_t t;
  MUST(pthread_create(&t, NULL, loses, NULL) == 0 && pthread_join(t, NULL) == 0);
}
CASE(a_thousand_threads) {
  pthread_t t[50];
  for (int n = 0; n < 1000; n += 50) {
    for (int i = 0; i < 50; i++) MUST(pthread_create(&t[i], NULL, loses, NULL) == 0);
    for (int i = 0; i < 50; i++) MUST(pthread_join(t[i], NULL) == 0);
  }
}
APART void* leak_on_its_stack(void) { return seen(malloc(90)); }
static void* holds_until_it_ends(void* arg) {
  void* volatile mine = leak_on_its_stack();
  if (*(int*)arg) puts(mine);
  return NULL;
}
CASE(stack_of_an_exited_thread) {
  pthread_t t;
  int zero = 0;
  MUST(pthread_create(&t, NULL, holds_until_it_ends, &zero) == 0 && pthread_join(t, NULL) == 0);
}
APART void* leak_result(void) { return seen(malloc(80)); }
static void* returns(void* arg) {
  (void)arg;
  return leak_result();
}
CASE(result_that_nobody_took) {
  pthread_t t;
  MUST(pthread_create(&t, NULL, returns, NULL) == 0 && pthread_detach(t) == 0);
  usleep(100000);
}
APART void leak_argument(pthread_t* t) { MUST(pthread_create(t, NULL, loses, seen(malloc(50))) == 0); }
CASE(argument) {
  pthread_t t;
  leak_argument(&t);
  MUST(pthread_join(t, NULL) == 0);
}
static pthread_key_t key;
APART void leak_specific(void) { MUST(pthread_setspecific(key, malloc(40)) == 0); }
static void* sets(void* arg) {
  leak_specific();
  return arg;
}
CASE(specific_data_without_destructor) {
  pthread_t t;
  MUST(pthread_key_create(&key, NULL) == 0);
  MUST(pthread_create(&t, NULL, sets, NULL) == 0 && pthread_join(t, NULL) == 0);
}

CASE(ends_by_underscore_exit) {
  leak_malloc();
  forget();
  _exit(0);
}
APART void leak_in_child(void) { seen(malloc(33)); }
APART void keep_in_parent(void) { global = malloc(34); }
CASE(child) {
  keep_in_parent();
  forget();
  const pid_t pid = fork();
  if (pid == 0) {
    global = NULL;  // the parent's block is the parent's business
    leak_in_child();
    forget();
    _exit(0);
  }
  int status;
  MUST(waitpid(pid, &status, 0) == pid);
}
APART void leak_at_exit(void) { seen(malloc(44)); }
CASE(exit_handler) { MUST(atexit(leak_at_exit) == 0); }
APART void keep_until_exit(void) { global = malloc(45); }
static void frees(void) {
  free(global);
  global = NULL;
}
CASE(freed_by_an_exit_handler) {
  keep_until_exit();
  MUST(atexit(frees) == 0);
}

CASE(dlclosed_library) {
  void* library = dlopen(getenv("LEAK_LIBRARY"), RTLD_NOW);
  MUST(library != NULL);
  ((void (*)(void))dlsym(library, "keep_in_library"))();
  MUST(dlclose(library) == 0);
}
CASE(dlopened_library) {
  void* library = dlopen(getenv("LEAK_LIBRARY"), RTLD_NOW);
  MUST(library != NULL);
  ((void (*)(void))dlsym(library, "keep_in_library"))();
  ((void (*)(void))dlsym(library, "leak_in_library"))();
}

int main(int argc, char** argv) { return leaks_main(argc, argv); }
