// tests/e2e/programs/threads/preempt_stress.c [SECONDS] [THREADS]: threads that compute, each with what a preemption
// must keep, all checked.
//
// AVX2 (or SSE2) lanes, x87 stacks and control words, rounding modes, general registers and flags, the red zone, string
// instructions half done, heap objects. Each kind's result is computed once before there are threads; every repetition
// by every thread must give the same. Prints the same for any SECONDS (2) and THREADS (16); says on stderr how often
// each ran.
#include "helpers.h"

#include <fenv.h>
#include <immintrin.h>

#include "pattern.h"

enum { kSteps = 40000 };

__attribute__((target("avx2"))) static uint64_t avx2_lanes(uint64_t seed) {
  __m256i x[6];
  __m256d d = _mm256_set_pd(1.1, 1.2, 1.3, (double)seed + 1.4);
  const __m256d step = _mm256_set1_pd(1.0000001);
  for (int k = 0; k < 6; k++) x[k] = _mm256_set1_epi64x((long long)(seed * 6 + (uint64_t)k + 1) * 0x1234567);
  for (int i = 0; i < kSteps; i++) {
    for (int k = 0; k < 6; k++) {
      x[k] = _mm256_xor_si256(x[k], _mm256_slli_epi64(x[k], 13));
      x[k] = _mm256_xor_si256(x[k], _mm256_srli_epi64(x[k], 7));
      x[k] = _mm256_add_epi64(x[k], x[(k + 1) % 6]);
    }
    d = _mm256_mul_pd(d, step);
  }
  uint64_t out[4], result = 0;
  double last[4];
  for (int k = 0; k < 6; k++) {
    _mm256_storeu_si256((__m256i*)out, x[k]);
    for (int lane = 0; lane < 4; lane++) result = result * 31 + out[lane];
  }
  _mm256_storeu_pd(last, d);
  for (int lane = 0; lane < 4; lane++) {
    uint64_t bits;
    memcpy(&bits, &last[lane], 8);
    result = result * 31 + bits;
  }
  return result;
}
static uint64_t sse2_lanes(uint64_t seed) {
  __m128d d = _mm_set_pd(1.3, (double)seed + 1.4);
  for (int i = 0; i < kSteps * 4; i++) d = _mm_mul_pd(d, _mm_set1_pd(1.0000001));
  double last[2];
  uint64_t bits[2];
  _mm_storeu_pd(last, d);
  memcpy(bits, last, sizeof bits);
  return bits[0] * 31 + bits[1];
}
static uint64_t lanes(uint64_t seed) { return __builtin_cpu_supports("avx2") ? avx2_lanes(seed) : sse2_lanes(seed); }

// A control word of the thread's own (precision and rounding), and values that stay on the x87 stack.
static uint64_t x87_stack(uint64_t seed) {
  unsigned short before, mine, after;
  __asm__ volatile("fnstcw %0" : "=m"(before));
  mine = (unsigned short)((before & ~0xf00) | (seed % 2 ? 0x200 : 0x300) | ((seed / 2 % 4) << 10));
  __asm__ volatile("fldcw %0" : : "m"(mine));
  long double a = 1.0L + (long double)(seed + 1), b = 3.1L, c = 0.7L, d = 1.9L;
  for (int i = 0; i < kSteps; i++) {
    a = a * 1.0000001L + b;
    b = b / 1.0000003L;
    c = c + d * 0.0001L;
    d = d * 0.999999L;
    a = a - c;
  }
  __asm__ volatile("fnstcw %0" : "=m"(after));
  __asm__ volatile("fldcw %0" : : "m"(before));
  const long double all = a + b + c + d;
  uint64_t low;
  memcpy(&low, &all, 8);
  return low * 31 + (after == mine);
}

// Rounding mode and exception flags of SSE.
static uint64_t rounding(uint64_t seed) {
  static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  const unsigned before = _mm_getcsr();
  fesetround(modes[seed % 4]);
  const unsigned mine = _mm_getcsr() & ~0x3fu;
  volatile double one = 1, three = 3;
  double sum = 0;
  for (int i = 0; i < kSteps; i++) sum += one / three;
  const int kept = (_mm_getcsr() & ~0x3fu) == mine && fegetround() == modes[seed % 4];
  _mm_setcsr(before);
  fesetround(FE_TONEAREST);
  uint64_t bits;
  memcpy(&bits, &sum, 8);
  return bits * 31 + (unsigned)kept;
}

// General registers, the carry flag across an instruction, words below the stack pointer.
static uint64_t registers(uint64_t seed) {
  uint64_t a = seed + 1, b = seed + 2, c = seed + 3, d = seed + 4, e = seed + 5, f = seed + 6;
  for (int i = 0; i < kSteps; i++) {
    __asm__ volatile(
        "leaq -128(%%rsp), %%rsp\n"  // below what the compiler may keep there
        "movq %[a], -8(%%rsp)\n movq %[b], -64(%%rsp)\n movq %[c], -120(%%rsp)\n"
        "addq %[d], %[e]\n adcq %[f], %[a]\n adcq $7, %[b]\n sbbq %[e], %[c]\n rolq $13, %[d]\n rcrq $1, %[f]\n"
        "xorq -8(%%rsp), %[d]\n xorq -64(%%rsp), %[e]\n xorq -120(%%rsp), %[f]\n"
        "leaq 128(%%rsp), %%rsp\n"
        : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [e] "+r"(e), [f] "+r"(f)
        :
        : "cc", "memory");
  }
  return a ^ b * 3 ^ c * 5 ^ d * 7 ^ e * 11 ^ f * 13;
}

static uint64_t strings(uint64_t seed) {
  char from[20000], to[20000];
  uint64_t sum = 0;
  for (int round = 0; round < 10; round++) {
    pattern_fill(from, sizeof from, seed + (uint64_t)round);
    void *source = from, *target = to;
    size_t n = sizeof from;
    __asm__ volatile("rep movsb" : "+S"(source), "+D"(target), "+c"(n) : : "memory");
    sum = sum * 31 + (unsigned)pattern_holds(to, sizeof to, sizeof to, seed + (uint64_t)round) + n;
  }
  return sum;
}

static uint64_t heap(uint64_t seed) {
  uint64_t state = seed + 99, sum = 0;
  char* kept[16] = {NULL};
  size_t size[16] = {0};
  for (int i = 0; i < 300; i++) {
    const int k = (int)((random_next(&state) >> 40) % 16);
    if (kept[k]) sum = sum * 31 + (unsigned)pattern_holds(kept[k], size[k], size[k], seed + (uint64_t)k);
    free(kept[k]);
    size[k] = 1 + (random_next(&state) >> 30) % 3000;
    kept[k] = malloc(size[k]);
    pattern_fill(kept[k], size[k], seed + (uint64_t)k);
  }
  for (int k = 0; k < 16; k++) free(kept[k]);
  return sum;
}

typedef uint64_t (*work)(uint64_t seed);
static const struct {
  const char* name;
  work run;
} kinds[] = {{"vector lanes", lanes},  {"x87", x87_stack},   {"rounding", rounding},
             {"registers", registers}, {"strings", strings}, {"heap", heap}};
enum { kKinds = sizeof kinds / sizeof *kinds, kSeeds = 4 };

static uint64_t want[kKinds][kSeeds];
static int wrong[kKinds];
static long runs[kKinds];
static int64_t end;

static void* computes(void* me) {
  uint64_t turn = (uint64_t)number_of(me);
  do {
    const uint64_t kind = turn % kKinds, seed = turn / kKinds % kSeeds;
    if (kinds[kind].run(seed) != want[kind][seed]) add(&wrong[kind], 1);
    __atomic_add_fetch(&runs[kind], 1, __ATOMIC_RELAXED);
    turn += turn % 7 + 1;
  } while (now(CLOCK_MONOTONIC) < end);
  return NULL;
}

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 2;
  const int threads = argc > 2 ? atoi(argv[2]) : 16;
  for (int k = 0; k < kKinds; k++)
    for (uint64_t s = 0; s < kSeeds; s++) want[k][s] = kinds[k].run(s);
  end = now(CLOCK_MONOTONIC) + (int64_t)(seconds * 1e9);
  in_threads(threads, computes);
  int all_wrong = 0;
  for (int k = 0; k < kKinds; k++) {
    printf("%s: %d wrong\n", kinds[k].name, wrong[k]);
    fprintf(stderr, "%s: %ld runs\n", kinds[k].name, runs[k]);
    all_wrong += wrong[k] + (runs[k] == 0);
  }
  return all_wrong != 0;
}
