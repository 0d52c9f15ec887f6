// tests/e2e/programs/bad_free.cc: frees what must not be freed, one way per name on the command line.
//
// Prints `bad 0xADDRESS` first; whoever then still lives prints `survived`. Volatile pointers keep compilers out of it.
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#pragma GCC diagnostic ignored "-Wuse-after-free"
#pragma GCC diagnostic ignored "-Wfree-nonheap-object"

static void* volatile bad;
static char global_buffer[64];

static void announce(void* p) {
  bad = p;
  printf("bad %p\n", p);
  fflush(stdout);
}

static void in_other_thread(void* (*body)(void*), void* arg) {
  pthread_t t;
  pthread_create(&t, nullptr, body, arg);
  pthread_join(t, nullptr);
}

static void* free_it(void* p) {
  free(p);
  return nullptr;
}

static void twice(size_t size) {
  announce(malloc(size));
  free(bad);
  free(bad);
}

static void twice_with_others_between() {
  void* others[200];
  for (void*& p : others) p = malloc(48);
  announce(malloc(48));
  free(bad);
  for (void* p : others) free(p);
  free(bad);
}

static void here_then_in_a_thread() {
  announce(malloc(48));
  free(bad);
  in_other_thread(free_it, bad);
}

static void in_a_thread_then_here() {
  announce(malloc(48));
  in_other_thread(free_it, bad);
  free(bad);
}

static void in_two_threads() {
  announce(malloc(48));
  in_other_thread(free_it, bad);
  in_other_thread(free_it, bad);
}

static void* allocate_and_free_twice(void*) {
  twice(48);
  return nullptr;
}

static void realloc_of_freed() {
  announce(malloc(48));
  free(bad);
  bad = realloc(bad, 500);
}

static void delete_twice() {
  announce(::operator new(48));
  ::operator delete(bad);
  ::operator delete(bad);
}

static void interior(size_t size, size_t offset) {
  announce(static_cast<char*>(malloc(size)) + offset);
  free(bad);
}

static void realloc_interior() {
  announce(static_cast<char*>(malloc(500)) + 16);
  bad = realloc(bad, 1000);
}

static void interior_in_a_thread() {
  announce(static_cast<char*>(malloc(500)) + 16);
  in_other_thread(free_it, bad);
}

static void foreign_stack() {
  char buffer[64];
  announce(buffer + 16);
  free(bad);
}

static void foreign_static() {
  announce(global_buffer + 16);
  free(bad);
}

static void foreign_mapping() {
  announce(static_cast<char*>(mmap(nullptr, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) + 4096);
  free(bad);
}

static void foreign_nonsense(uintptr_t word) {
  announce(reinterpret_cast<void*>(word));
  free(bad);
}

static void foreign_code() {
  announce(reinterpret_cast<void*>(foreign_mapping));
  free(bad);
}

static void realloc_foreign() {
  announce(global_buffer + 16);
  bad = realloc(bad, 100);
}

static void after_exit_began() {
  announce(malloc(48));
  free(bad);
  atexit([] { free(bad); });
}

static const struct {
  const char* name;
  void (*run)();
} kWays[] = {
    {"double_8", [] { twice(8); }},
    {"double_16", [] { twice(16); }},
    {"double_48", [] { twice(48); }},
    {"double_1000", [] { twice(1000); }},
    {"double_30000", [] { twice(30000); }},
    {"double_100000", [] { twice(100000); }},
    {"double_huge", [] { twice(64 << 20); }},
    {"double_with_others_between", twice_with_others_between},
    {"double_here_then_in_a_thread", here_then_in_a_thread},
    {"double_in_a_thread_then_here", in_a_thread_then_here},
    {"double_in_two_threads", in_two_threads},
    {"double_inside_a_thread", [] { in_other_thread(allocate_and_free_twice, nullptr); }},
    {"double_at_exit", after_exit_began},
    {"double_realloc", realloc_of_freed},
    {"double_delete", delete_twice},
    {"interior_1", [] { interior(48, 1); }},
    {"interior_8", [] { interior(48, 8); }},
    {"interior_16", [] { interior(500, 16); }},
    {"interior_page", [] { interior(100000, 4096); }},
    {"interior_huge", [] { interior(64 << 20, 32 << 20); }},
    {"interior_realloc", realloc_interior},
    {"interior_in_a_thread", interior_in_a_thread},
    {"foreign_stack", foreign_stack},
    {"foreign_static", foreign_static},
    {"foreign_mapping", foreign_mapping},
    {"foreign_code", foreign_code},
    {"foreign_small_number", [] { foreign_nonsense(0x10); }},
    {"foreign_noncanonical", [] { foreign_nonsense(0xdead00000000beef); }},
    {"foreign_kernel", [] { foreign_nonsense(0xffffffff80000000); }},
    {"foreign_unmapped", [] { foreign_nonsense(0x123456789000); }},
    {"foreign_realloc", realloc_foreign},
};

int main(int argc, char** argv) {
  for (const auto& way : kWays) {
    if (argc == 2 && !strcmp(argv[1], way.name)) {
      way.run();
      if (strcmp(way.name, "double_at_exit")) puts("survived");
      return 0;
    }
  }
  for (const auto& way : kWays) puts(way.name);
  return argc == 1 ? 0 : 2;
}
