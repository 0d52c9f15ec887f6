#include "preload/cli/privilege.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace gamelan::cli {
namespace {

bool honours_setid(const FileIdentity& file, const Credentials& caller) {
  return !file.is_on_nosuid_mount && !caller.no_new_privileges;
}

std::optional<std::string> capability_gained(const FileIdentity& file, const Credentials& caller) {
  if (!file.capabilities || file.is_on_nosuid_mount || caller.real_uid == 0) return std::nullopt;
  // no_new_privs keeps the permitted set from growing, yet a set effective flag alone makes the start secure
  const bool grows = file.capabilities->has_permitted && !caller.no_new_privileges;
  if (!file.capabilities->is_effective && !grows) return std::nullopt;
  return "has file capabilities";
}

}  // namespace

std::optional<std::string> privilege_gained(const FileIdentity& file, const Credentials& caller) {
  const bool is_setuid = (file.mode & S_ISUID) && honours_setid(file, caller);
  // without group execution the bit means mandatory locking
  const bool is_setgid = (file.mode & S_ISGID) && (file.mode & S_IXGRP) && honours_setid(file, caller);
  if (is_setuid && file.uid != caller.real_uid) return fmt::format("is setuid to user {}", file.uid);
  if (is_setgid && file.gid != caller.real_gid) return fmt::format("is setgid to group {}", file.gid);
  if (const auto why = capability_gained(file, caller)) return why;
  if (!is_setuid && caller.effective_uid != caller.real_uid)
    return "would start with different real and effective users, as gamelan itself was started";
  if (!is_setgid && caller.effective_gid != caller.real_gid)
    return "would start with different real and effective groups, as gamelan itself was started";
  return std::nullopt;
}

std::optional<FileCapabilities> parse_capabilities(Bytes attribute) {
  std::array<uint32_t, 5> words{};  // magic, then permitted and inheritable, low and high (revision 1 has no high ones)
  const size_t size = std::min(attribute.size(), sizeof(words));
  if (size < XATTR_CAPS_SZ_1) return std::nullopt;
  std::memcpy(words.data(), attribute.data(), size);
  return FileCapabilities{(words[0] & VFS_CAP_FLAGS_EFFECTIVE) != 0, (words[1] | words[3]) != 0};
}

Credentials credentials_of_caller() {
  return {getuid(), geteuid(), getgid(), getegid(), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1};
}

FileIdentity identity_of(int fd) {
  FileIdentity identity;
  struct stat status;
  if (fstat(fd, &status) == 0) {
    identity.mode = status.st_mode;
    identity.uid = status.st_uid;
    identity.gid = status.st_gid;
  }
  struct statvfs mount;
  identity.is_on_nosuid_mount = fstatvfs(fd, &mount) == 0 && (mount.f_flag & ST_NOSUID);
  std::array<std::byte, XATTR_CAPS_SZ_3> attribute;
  const ssize_t size = fgetxattr(fd, "security.capability", attribute.data(), attribute.size());
  if (size > 0) identity.capabilities = parse_capabilities(Bytes(attribute.data(), size));
  return identity;
}

}  // namespace gamelan::cli
