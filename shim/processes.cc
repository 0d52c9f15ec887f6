// shim/processes.cc: waiting for children and for what other processes do: wait, system, popen, System V and POSIX queues.
//
// Source   POSIX.1-2017 wait, waitpid, waitid, system, popen, posix_spawn, msgrcv, semop, mq_receive; wait4(2).
#include <aio.h>
#include <mqueue.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "sched/netpoll.h"
#include "shim/blocking.h"

using namespace gamelan;

BLOCKING(pid_t, wait, (int* status), (status))
BLOCKING(pid_t, waitpid, (pid_t pid, int* status, int options), (pid, status, options))
BLOCKING(int, waitid, (idtype_t type, id_t id, siginfo_t* info, int options), (type, id, info, options))
BLOCKING(pid_t, wait3, (int* status, int options, rusage* usage), (status, options, usage))
BLOCKING(pid_t, wait4, (pid_t pid, int* status, int options, rusage* usage), (pid, status, options, usage))

BLOCKING(int, system, (const char* command), (command))
BLOCKING(FILE*, popen, (const char* command, const char* mode), (command, mode))
BLOCKING(int, posix_spawn,
         (pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
          char* const* argv, char* const* envp),
         (pid, path, actions, attributes, argv, envp))
BLOCKING(int, posix_spawnp,
         (pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
          char* const* argv, char* const* envp),
         (pid, file, actions, attributes, argv, envp))

GAMELAN_EXPORT int pclose(FILE* f) {
  static constinit auto next = next_for(pclose, "pclose");
  if (const int fd = f ? fileno_unlocked(f) : -1; fd >= 0) netpoll::forget(fd);
  return blocking(next.get(), f);
}

BLOCKING(int, msgsnd, (int id, const void* message, size_t n, int flags), (id, message, n, flags))
BLOCKING(ssize_t, msgrcv, (int id, void* message, size_t n, long type, int flags), (id, message, n, type, flags))
BLOCKING(int, semop, (int id, sembuf* operations, size_t n), (id, operations, n))
BLOCKING(int, semtimedop, (int id, sembuf* operations, size_t n, const timespec* t), (id, operations, n, t))
BLOCKING(int, mq_send, (mqd_t q, const char* p, size_t n, unsigned priority), (q, p, n, priority))
BLOCKING(int, mq_timedsend, (mqd_t q, const char* p, size_t n, unsigned priority, const timespec* t), (q, p, n, priority, t))
BLOCKING(ssize_t, mq_receive, (mqd_t q, char* p, size_t n, unsigned* priority), (q, p, n, priority))
BLOCKING(ssize_t, mq_timedreceive, (mqd_t q, char* p, size_t n, unsigned* priority, const timespec* t),
         (q, p, n, priority, t))
BLOCKING(int, aio_suspend, (const aiocb* const* list, int n, const timespec* t), (list, n, t))
BLOCKING(int, aio_suspend64, (const aiocb64* const* list, int n, const timespec* t), (list, n, t))

GAMELAN_EXPORT pid_t __wait(int* status) __attribute__((alias("wait")));
GAMELAN_EXPORT pid_t __waitpid(pid_t pid, int* status, int options) __attribute__((alias("waitpid")));
