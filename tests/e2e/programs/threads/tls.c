// tests/e2e/programs/threads/tls.c: __thread, errno and what libc keeps per thread, across yields and blocking.
#include "helpers.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dlfcn.h>
#include <locale.h>
#include <wchar.h>

static __thread int initialised = 42;
static __thread int zeroed;
static __thread char large[20000];
static __thread struct {
  char one;
  long double aligned __attribute__((aligned(64)));
} strict = {7, 2.5L};
__thread int* own_address = NULL;

static void give_way(int i) {
  if (i % 50 == 7)
    sleep_millis(1);
  else
    sched_yield();
}

static void* has_its_own(void* arg) {
  const int me = (int)number_of(arg);
  CHECK(initialised == 42 && zeroed == 0 && large[19999] == 0 && own_address == NULL);
  CHECK(strict.one == 7 && strict.aligned == 2.5L && (uintptr_t)&strict % 64 == 0);
  own_address = &zeroed;
  for (int i = 0; i < 50; i++) {
    initialised = me + i;
    zeroed = -me - i;
    memset(large, me, sizeof large);
    give_way(me + i);
    CHECK(initialised == me + i && zeroed == -me - i && own_address == &zeroed);
    CHECK(large[0] == (char)me && !memcmp(large, large + 1, sizeof large - 1));
  }
  return NULL;
}
CASE(variables_of_every_thread) {
  for (int turn = 0; turn < 3; turn++) in_threads(40, has_its_own);  // later ones find stacks of earlier ones
  CHECK(initialised == 42 && zeroed == 0);
}

static void* finds_main_s(void* address) {
  CHECK(*(int*)address == 4711 && address != &initialised);
  *(int*)address = 4712;
  return NULL;
}
CASE(another_thread_may_be_given_the_address) {
  initialised = 4711;
  finish(start(finds_main_s, &initialised));
  CHECK(initialised == 4712);
  initialised = 42;
}

static void* keeps_errno(void* arg) {
  const int me = (int)number_of(arg);
  CHECK(errno == 0);
  for (int i = 0; i < 50; i++) {
    errno = me * 100 + i;
    give_way(me + i);
    CHECK(errno == me * 100 + i);
    char c;
    CHECK(read(-1, &c, 1) == -1 && errno == EBADF);
    sched_yield();
    CHECK(errno == EBADF);
  }
  return NULL;
}
CASE(errno_of_every_thread) {
  errno = 5;
  in_threads(40, keeps_errno);
}

static void* keeps_its_messages(void* arg) {
  char want[64], name[64];
  snprintf(want, sizeof want, "Unknown error %d", 10000 + (int)number_of(arg));
  snprintf(name, sizeof name, "libthere-is-no-%d.so", (int)number_of(arg));
  struct in_addr address = {htonl(0x7f000000u + (unsigned)number_of(arg))};
  char dotted[32];
  snprintf(dotted, sizeof dotted, "127.0.0.%d", (int)number_of(arg));
  for (int i = 0; i < 10; i++) {
    const char* message = strerror(10000 + (int)number_of(arg));
    const char* text = inet_ntoa(address);
    CHECK(dlopen(name, RTLD_NOW) == NULL);
    give_way((int)number_of(arg) + i);
    CHECK(!strcmp(message, want));
    CHECK(!strcmp(text, dotted));
    const char* error = dlerror();
    CHECK(error && strstr(error, name));
    CHECK(dlerror() == NULL);
  }
  return NULL;
}
CASE(messages_of_every_thread) { in_threads(40, keeps_its_messages); }

// Half of the threads count in C.UTF-8, half in the C locale they began with.
static locale_t utf8;
static void* keeps_its_locale(void* arg) {
  const int in_utf8 = number_of(arg) % 2;
  CHECK(isalpha('a') && !isalpha('1') && toupper('z') == 'Z');  // the tables are the thread's
  CHECK(uselocale((locale_t)0) == LC_GLOBAL_LOCALE);
  if (in_utf8) CHECK(uselocale(utf8) == LC_GLOBAL_LOCALE);
  for (int i = 0; i < 30; i++) {
    wchar_t wide = 0;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    const size_t n = mbrtowc(&wide, "\xc3\xa9", 2, &state);
    CHECK(in_utf8 ? n == 2 && wide == 0xe9 : n != 2);
    CHECK(uselocale((locale_t)0) == (in_utf8 ? utf8 : LC_GLOBAL_LOCALE));
    give_way(i);
  }
  return NULL;
}
CASE(locale_of_every_thread) {
  utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
  CHECK(utf8 != (locale_t)0);
  in_threads(40, keeps_its_locale);
  freelocale(utf8);
}

// strtok remembers its place for the process, strtok_r for its caller.
static void* cuts_its_own(void* arg) {
  char text[200], want[16], *place = NULL;
  int n = 0;
  for (int i = 0; i < 20; i++) n += snprintf(text + n, sizeof text - (size_t)n, "%d,", (int)number_of(arg) + i);
  char* word = strtok_r(text, ",", &place);
  for (int i = 0; i < 20; i++, word = strtok_r(NULL, ",", &place)) {
    snprintf(want, sizeof want, "%d", (int)number_of(arg) + i);
    CHECK(word && !strcmp(word, want));
    sched_yield();
  }
  CHECK(word == NULL);
  return NULL;
}
static void* cuts_for_all(void* arg) {
  char text[] = "one two three four";
  static const char* want[] = {"one", "two", "three", "four"};
  char* word = strtok(text, " ");
  for (int i = 0; i < 4; i++, word = strtok(NULL, " ")) {
    CHECK(word && !strcmp(word, want[i]));
    sleep_millis(1);
  }
  return arg;
}
CASE(strtok_across_yields) {
  pthread_t t = start(cuts_for_all, NULL);
  in_threads(20, cuts_its_own);
  finish(t);
}

int main(int argc, char** argv) { return check_main(argc, argv); }
