// preload/cli/privilege.h: whether the kernel would start a program with AT_SECURE, and so without our library.
//
// Pure     `privilege_gained` is the kernel's rule on numbers; `credentials_of_caller` and `identity_of` fetch the
// numbers. Source   Linux security/commoncap.c cap_bprm_creds_from_file, fs/exec.c bprm_fill_uid, mnt_may_suid.
#pragma once
#include <sys/types.h>

#include <optional>
#include <string>

#include "preload/cli/elf_file.h"

namespace gamelan::cli {

struct FileCapabilities {
  bool is_effective = false;  // they come up switched on
  bool has_permitted = false;
};

struct FileIdentity {
  mode_t mode = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  bool is_on_nosuid_mount = false;
  std::optional<FileCapabilities> capabilities;
};

struct Credentials {
  uid_t real_uid = 0, effective_uid = 0;
  gid_t real_gid = 0, effective_gid = 0;
  bool no_new_privileges = false;
};

// What makes the kernel start the program in secure mode ("is setuid to user 33"), or nothing.
// A setuid-root program that root starts is no transition, and keeps our library.
std::optional<std::string> privilege_gained(const FileIdentity& file, const Credentials& caller);

// The value of the security.capability attribute.
std::optional<FileCapabilities> parse_capabilities(Bytes attribute);

Credentials credentials_of_caller();

// Reads mode, owner, mount flags and capabilities of an open file.
FileIdentity identity_of(int fd);

}  // namespace gamelan::cli
