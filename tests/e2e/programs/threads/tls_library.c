// tests/e2e/programs/threads/tls_library.c: a library with thread-local variables, for dlopen_tls.c; -ftls-model says
// how they are reached.
#ifndef ROOM
#define ROOM 64
#endif

static __thread int counter = 1000;
static __thread char room[ROOM];
static __thread int* own_address;

// Counts in the calling thread's variables; -1 if they are not as this thread left them.
int tls_count(void) {
  if (counter == 1000) own_address = &counter;
  if (own_address != &counter || room[0] != (char)(counter - 1000) || room[ROOM - 1] != room[0]) return -1;
  counter++;
  room[0] = room[ROOM - 1] = (char)(counter - 1000);
  return counter;
}
