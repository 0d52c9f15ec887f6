// tests/e2e/programs/semantics.c: what malloc(3), posix_memalign(3) and glibc's manual promise, a case each.
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "pattern.h"

#pragma GCC diagnostic ignored "-Wuse-after-free"  // a refused realloc leaves the block alone

// Sizes that no compiler may look into.
static volatile size_t kHuge = (size_t)PTRDIFF_MAX + 1, kMax = SIZE_MAX, kMost = PTRDIFF_MAX, k4Gi = (size_t)1 << 32;
static size_t opaque(size_t n) {
  volatile size_t v = n;
  return v;
}
static int aligned_to(const void* p, size_t align) { return ((uintptr_t)p & (align - 1)) == 0; }

#define REFUSED(call)          \
  do {                         \
    errno = 0;                 \
    CHECK((call) == NULL);     \
    CHECK(errno == ENOMEM);    \
  } while (0)

CASE(malloc_zero_is_unique) {
  void *a = malloc(opaque(0)), *b = malloc(opaque(0));
  CHECK(a && b && a != b);
  free(a);
  free(b);
}

CASE(free_null) {
  errno = 77;
  free(NULL);
  CHECK(errno == 77);
}

CASE(too_much_is_enomem) {
  REFUSED(malloc(kHuge));
  REFUSED(malloc(kMax));
  REFUSED(malloc(kMost));
  REFUSED(malloc(kMax - 100));
  REFUSED(calloc(kHuge, 1));
  REFUSED(calloc(1, kMost));
  REFUSED(realloc(NULL, kHuge));
  REFUSED(memalign(64, kHuge));
  REFUSED(memalign(64, kMax - 32));
  REFUSED(aligned_alloc(64, kHuge));
  REFUSED(valloc(kHuge));
  REFUSED(valloc(kMax - 10));
  REFUSED(pvalloc(kHuge));
  REFUSED(pvalloc(kMax - 10));
}

CASE(calloc_overflow) {
  REFUSED(calloc(kMax / 2, 3));
  REFUSED(calloc(3, kMax / 2));
  REFUSED(calloc(kMax, kMax));
  REFUSED(calloc(k4Gi, k4Gi));
}

CASE(calloc_zeroes_reused_memory) {
  static const size_t sizes[] = {1, 8, 16, 40, 100, 1000, 5000, 32768, 40000, 300000, 3000000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t n = sizes[i];
    for (int round = 0; round < 20; round++) {
      char* p = malloc(n);
      memset(p, 0xa5, malloc_usable_size(p));
      free(p);
      char* q = calloc(round % 2 ? n : 1, round % 2 ? 1 : n);
      CHECK(q && all_zero(q, n));
      memset(q, 0x5a, n);
      free(q);
    }
  }
}

CASE(calloc_leaves_the_neighbours_alone) {
  enum { kBlocks = 64 };
  for (size_t n = 0; n <= 1100; n++) {
    char* block[kBlocks];
    for (int i = 0; i < kBlocks; i++) {
      CHECK(block[i] = malloc(n));
      memset(block[i], 0x5a, n);
    }
    for (int i = 0; i < kBlocks; i += 2) free(block[i]);
    for (int i = 0; i < kBlocks; i += 2) CHECK(block[i] = calloc(1, n));
    for (int i = 0; i < kBlocks; i++) {
      for (size_t at = 0; at < n; at++) CHECK(block[i][at] == (i % 2 ? 0x5a : 0));
      free(block[i]);
    }
  }
}

CASE(calloc_zero_is_unique) {
  void *a = calloc(0, 8), *b = calloc(8, 0);
  CHECK(a && b && a != b);
  free(a);
  free(b);
}

CASE(realloc_to_zero_frees) {
  for (int i = 0; i < 100000; i++) {   // were it kept, this would be 100 GB
    void* p = malloc(1 << 20);
    CHECK(p);
    CHECK(realloc(p, opaque(0)) == NULL);
    if (check_wrong) return;
  }
}

CASE(realloc_null_allocates) {
  char *p = realloc(NULL, 100), *q = realloc(NULL, opaque(0));
  CHECK(p && q && p != q);
  pattern_fill(p, 100, 1);
  CHECK(pattern_holds(p, 100, 100, 1));
  free(p);
  free(q);
}

CASE(realloc_keeps_contents) {
  static const size_t sizes[] = {1,    17,    24,     500,     501,      4000,  9000, 33000, 32000, 100000, 2000000,
                                 9000000, 8999999, 70000000, 1000000, 40000, 600,  30,    8,     1};
  size_t have = 3;
  char* p = malloc(have);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t want = sizes[i], common = want < have ? want : have;
    pattern_fill(p, have, i);
    p = realloc(p, want);
    CHECK(p && malloc_usable_size(p) >= want);
    CHECK(pattern_holds(p, common, have, i));
    have = want;
  }
  free(p);
}

CASE(realloc_grows_by_steps) {
  size_t n = 16;
  char* p = malloc(n);
  pattern_fill(p, n, 0);
  for (int i = 1; i < 300; i++) {
    size_t more = n + n / 16 + 64;
    p = realloc(p, more);
    CHECK(p && pattern_holds(p, n, n, (uint64_t)i - 1));
    if (check_wrong) return;
    pattern_fill(p, more, i);
    n = more > 20000000 ? 16 : more;
    if (n == 16) pattern_fill(p, n, i);
  }
  free(p);
}

CASE(realloc_refused_keeps_the_block) {
  char* p = malloc(200);
  pattern_fill(p, 200, 5);
  REFUSED(realloc(p, kHuge));
  REFUSED(realloc(p, kMax));
  CHECK(pattern_holds(p, 200, 200, 5));
  REFUSED(reallocarray(p, kMax / 2, 3));
  REFUSED(reallocarray(p, k4Gi, k4Gi));
  CHECK(pattern_holds(p, 200, 200, 5));
  free(p);
}

CASE(reallocarray_multiplies) {
  char* p = reallocarray(NULL, 7, 100);
  CHECK(p && malloc_usable_size(p) >= 700);
  pattern_fill(p, 700, 3);
  p = reallocarray(p, 20, 100);
  CHECK(p && malloc_usable_size(p) >= 2000 && pattern_holds(p, 700, 700, 3));
  CHECK(reallocarray(p, opaque(0), 8) == NULL);
}

CASE(posix_memalign_errors) {
  static const size_t bad[] = {0, 1, 2, 4, 3, 24, 33, 12, 100, SIZE_MAX, (size_t)PTRDIFF_MAX};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    void* p = (void*)0x1234;
    errno = 5;
    CHECK(posix_memalign(&p, bad[i], 16) == EINVAL);
    CHECK(p == (void*)0x1234 && errno == 5);
  }
  void* p = (void*)0x1234;
  CHECK(posix_memalign(&p, 64, kHuge) == ENOMEM && p == (void*)0x1234);
  CHECK(posix_memalign(&p, 64, kMax) == ENOMEM && p == (void*)0x1234);
  CHECK(posix_memalign(&p, 64, kMost) == ENOMEM && p == (void*)0x1234);
}

CASE(posix_memalign_aligns) {
  for (size_t align = sizeof(void*); align <= (size_t)1 << 24; align *= 2) {
    for (size_t n = 0; n < 100000; n = n * 3 + 1) {
      void* p = NULL;
      CHECK(posix_memalign(&p, align, n) == 0 && p && aligned_to(p, align) && malloc_usable_size(p) >= n);
      if (check_wrong) return;
      pattern_fill(p, n, align);
      CHECK(pattern_holds(p, n, n, align));
      free(p);
    }
  }
}

CASE(memalign_rounds_odd_alignments_up) {
  static const size_t odd[] = {0, 1, 3, 5, 7, 9, 17, 24, 31, 33, 48, 100, 1000, 3000, 5000, 100000};
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    size_t power = 1;
    while (power < odd[i]) power *= 2;
    char* p = memalign(odd[i], 77);
    CHECK(p && aligned_to(p, power) && malloc_usable_size(p) >= 77);
    memset(p, 1, 77);
    free(p);
  }
  errno = 0;
  CHECK(memalign(SIZE_MAX, 1) == NULL && errno == EINVAL);
  errno = 0;
  CHECK(memalign(kHuge + 1, 1) == NULL && errno == EINVAL);
}

CASE(many_alignments_live_together) {
  enum { kCount = 2000 };
  static char* p[kCount];
  static size_t n[kCount];
  uint64_t rng = 99;
  for (int i = 0; i < kCount; i++) {
    n[i] = random_next(&rng) % 3000;
    size_t align = (size_t)1 << (random_next(&rng) % 15);
    p[i] = memalign(align, n[i]);
    CHECK(p[i] && aligned_to(p[i], align));
    pattern_fill(p[i], n[i], i);
  }
  for (int i = 0; i < kCount; i++) {
    CHECK(pattern_holds(p[i], n[i], n[i], i));
    if (i % 2) p[i] = realloc(p[i], n[i] * 2 + 1);
    CHECK(pattern_holds(p[i], n[i], n[i], i));
  }
  for (int i = 0; i < kCount; i++) free(p[i]);
}

CASE(aligned_alloc_and_valloc) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *a = aligned_alloc(256, 100), *v = valloc(10), *w = pvalloc(10), *z = pvalloc(page);
  CHECK(a && aligned_to(a, 256));
  CHECK(v && aligned_to(v, page));
  CHECK(w && aligned_to(w, page) && malloc_usable_size(w) >= page);
  CHECK(z && aligned_to(z, page) && malloc_usable_size(z) >= page);
  memset(w, 1, page);
  free(a);
  free(v);
  free(w);
  free(z);
  void* zero = pvalloc(opaque(0));
  CHECK(zero && aligned_to(zero, page));
  free(zero);
}

CASE(everything_fits_max_align) {
  for (size_t n = 0; n < 70000; n = n < 2048 ? n + 1 : n + 997) {
    void *m = malloc(n), *c = calloc(1, n), *r = realloc(NULL, n);
    size_t align = n >= 16 ? 16 : 8;
    CHECK(aligned_to(m, align) && aligned_to(c, align) && aligned_to(r, align));
    free(m);
    free(c);
    free(r);
    if (check_wrong) return;
  }
}

CASE(usable_size_is_usable) {
  CHECK(malloc_usable_size(NULL) == 0);
  for (size_t n = 0; n < 200000; n = n + n / 7 + 1) {
    char *p = malloc(n), *neighbour = malloc(n);
    size_t m = malloc_usable_size(p);
    CHECK(m >= n);
    pattern_fill(neighbour, n, 2);
    pattern_fill(p, m, 1);
    CHECK(pattern_holds(neighbour, n, n, 2) && pattern_holds(p, m, m, 1));
    p = realloc(p, m + 1);
    CHECK(pattern_holds(p, m, m, 1));
    free(p);
    free(neighbour);
  }
}

CASE(errno_is_left_alone) {
  errno = 4711;
  for (size_t n = 1; n < (size_t)64 << 20; n *= 2) {
    void *p = malloc(n), *q = calloc(1, n), *r = memalign(64, n);
    p = realloc(p, n * 2);
    p = realloc(p, n);
    free(p);
    free(q);
    free(r);
  }
  malloc_trim(0);
  CHECK(errno == 4711);
}

CASE(no_two_overlap) {
  enum { kCount = 4096 };
  static unsigned char* p[kCount];
  for (int i = 0; i < kCount; i++) {
    p[i] = malloc(i);
    CHECK(p[i]);
    pattern_fill(p[i], i, i * 31);
  }
  for (int i = 0; i < kCount; i++) CHECK(pattern_holds(p[i], i, i, i * 31));
  for (int i = 0; i < kCount; i += 2) free(p[i]);
  for (int i = 0; i < kCount; i += 2) {
    p[i] = malloc(kCount - i);
    pattern_fill(p[i], kCount - i, i * 17);
  }
  for (int i = 1; i < kCount; i += 2) CHECK(pattern_holds(p[i], i, i, i * 31));
  for (int i = 0; i < kCount; i += 2) CHECK(pattern_holds(p[i], kCount - i, kCount - i, i * 17));
  for (int i = 0; i < kCount; i++) free(p[i]);
}

CASE(a_gibibyte_grows) {
  size_t n = (size_t)512 << 20;
  char* p = malloc(n);
  CHECK(p);
  p[0] = 1, p[n - 1] = 2, p[n / 2] = 3;
  p = realloc(p, 2 * n);
  CHECK(p && p[0] == 1 && p[n - 1] == 2 && p[n / 2] == 3 && p[2 * n - 1] == 0);
  p = realloc(p, n / 2);
  CHECK(p && p[0] == 1);
  free(p);
}

CASE(mallinfo2_counts) {
  struct mallinfo2 before = mallinfo2();
  char* p = malloc((size_t)10 << 20);
  memset(p, 1, (size_t)10 << 20);
  struct mallinfo2 after = mallinfo2();
  CHECK(after.uordblks + after.hblkhd >= before.uordblks + before.hblkhd + ((size_t)10 << 20));
  CHECK(after.uordblks <= after.arena + after.hblkhd);
  free(p);
}

CASE(trim_and_mallopt) {
  void* p[100];
  for (int i = 0; i < 100; i++) p[i] = memset(malloc(100000), 1, 100000);
  for (int i = 0; i < 100; i++) free(p[i]);
  int trimmed = malloc_trim(0);
  CHECK(trimmed == 0 || trimmed == 1);
  CHECK(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
  CHECK(mallopt(M_TRIM_THRESHOLD, 1 << 20) == 1);
  CHECK(mallopt(M_ARENA_MAX, 2) == 1);
}

CASE(malloc_info_checks_its_options) {
  CHECK(malloc_info(1, stdout) == EINVAL);
}

// Programs built for old libcs, and libc itself, know malloc by these names too.
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);
void __libc_free(void*);

CASE(libc_names_mix_with_ours) {
  for (size_t n = 1; n < 1000000; n = n * 3 + 7) {
    char *p = __libc_malloc(n), *q = __libc_calloc(1, n), *r = __libc_memalign(64, n), *s = malloc(n);
    CHECK(p && q && r && all_zero(q, n) && aligned_to(r, 64));
    memset(p, 1, n);
    memset(r, 1, n);
    pattern_fill(q, n, 9);
    q = realloc(q, n * 2);
    CHECK(pattern_holds(q, n, n, 9));
    free(p);
    free(q);
    free(r);
    s = realloc(s, n + 1);
    free(s);
  }
}

CASE(libc_hands_out_our_memory) {
  char *line = NULL, *text = NULL, *copy = strdup("a string"), *absolute = realpath("/proc/../", NULL);
  size_t room = 0;
  CHECK(copy && absolute && !strcmp(absolute, "/"));
  CHECK(asprintf(&text, "%0*d", 5000, 7) == 5000);
  FILE* f = fmemopen((char*)"first\nsecond\n", 13, "r");
  CHECK(getline(&line, &room, f) == 6);
  fclose(f);
  char* built = NULL;
  size_t length = 0;
  f = open_memstream(&built, &length);
  for (int i = 0; i < 10000; i++) fprintf(f, "%d,", i);
  fclose(f);
  CHECK(length == strlen(built));
  char* cwd = getcwd(NULL, 0);
  CHECK(cwd);
  text = realloc(text, 100000);
  free(line);
  free(text);
  free(copy);
  free(absolute);
  free(built);
  free(cwd);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
