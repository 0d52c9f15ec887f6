// shim/names.cc: looking up hosts, users and groups: libc asks servers and reads files, and blocks where we do not see it.
//
// Source   getaddrinfo(3), getnameinfo(3), gethostbyname(3), getpwnam(3), getgrnam(3).
#include <grp.h>
#include <netdb.h>
#include <pwd.h>

#include "shim/blocking.h"

using namespace gamelan;

BLOCKING(int, getaddrinfo, (const char* node, const char* service, const addrinfo* hints, addrinfo** result),
         (node, service, hints, result))
BLOCKING(int, getnameinfo,
         (const sockaddr* address, socklen_t size, char* host, socklen_t host_room, char* service, socklen_t service_room,
          int flags),
         (address, size, host, host_room, service, service_room, flags))
BLOCKING(hostent*, gethostbyname, (const char* name), (name))
BLOCKING(hostent*, gethostbyname2, (const char* name, int family), (name, family))
BLOCKING(hostent*, gethostbyaddr, (const void* address, socklen_t size, int family), (address, size, family))
BLOCKING(int, gethostbyname_r, (const char* name, hostent* room, char* p, size_t n, hostent** result, int* error),
         (name, room, p, n, result, error))
BLOCKING(int, gethostbyname2_r,
         (const char* name, int family, hostent* room, char* p, size_t n, hostent** result, int* error),
         (name, family, room, p, n, result, error))
BLOCKING(int, gethostbyaddr_r,
         (const void* address, socklen_t size, int family, hostent* room, char* p, size_t n, hostent** result, int* error),
         (address, size, family, room, p, n, result, error))

BLOCKING(passwd*, getpwnam, (const char* name), (name))
BLOCKING(passwd*, getpwuid, (uid_t id), (id))
BLOCKING(int, getpwnam_r, (const char* name, passwd* room, char* p, size_t n, passwd** result), (name, room, p, n, result))
BLOCKING(int, getpwuid_r, (uid_t id, passwd* room, char* p, size_t n, passwd** result), (id, room, p, n, result))
BLOCKING(group*, getgrnam, (const char* name), (name))
BLOCKING(group*, getgrgid, (gid_t id), (id))
BLOCKING(int, getgrnam_r, (const char* name, group* room, char* p, size_t n, group** result), (name, room, p, n, result))
BLOCKING(int, getgrgid_r, (gid_t id, group* room, char* p, size_t n, group** result), (id, room, p, n, result))
BLOCKING(int, getgrouplist, (const char* user, gid_t first, gid_t* list, int* n), (user, first, list, n))
BLOCKING(int, initgroups, (const char* user, gid_t first), (user, first))
