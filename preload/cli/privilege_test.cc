#include "preload/cli/privilege.h"

#include <criterion/criterion.h>
#include <sys/stat.h>

#include <array>

using namespace gamelan::cli;

namespace {

constexpr Credentials kRoot{0, 0, 0, 0, false};
constexpr Credentials kUser{1000, 1000, 1000, 1000, false};

FileIdentity setuid_root() { return {S_IFREG | S_ISUID | 0755, 0, 0, false, std::nullopt}; }

}  // namespace

Test(privilege, plain_file_gains_nothing) {
  const FileIdentity file{S_IFREG | 0755, 0, 0, false, std::nullopt};
  cr_assert_not(privilege_gained(file, kUser).has_value());
  cr_assert_not(privilege_gained(file, kRoot).has_value());
}

Test(privilege, setuid_counts_only_where_the_user_changes) {
  cr_assert(privilege_gained(setuid_root(), kUser) == "is setuid to user 0");
  cr_assert_not(privilege_gained(setuid_root(), kRoot).has_value());
  FileIdentity of_user = setuid_root();
  of_user.uid = 1000;
  cr_assert(privilege_gained(of_user, kRoot).has_value());
  cr_assert_not(privilege_gained(of_user, kUser).has_value());
}

Test(privilege, setgid_needs_group_execution) {
  FileIdentity file{S_IFREG | S_ISGID | 0755, 0, 43, false, std::nullopt};
  cr_assert(privilege_gained(file, kUser) == "is setgid to group 43");
  file.mode &= ~static_cast<mode_t>(S_IXGRP);
  cr_assert_not(privilege_gained(file, kUser).has_value());
}

Test(privilege, nosuid_and_no_new_privileges_switch_setuid_off) {
  FileIdentity file = setuid_root();
  file.is_on_nosuid_mount = true;
  cr_assert_not(privilege_gained(file, kUser).has_value());
  Credentials restricted = kUser;
  restricted.no_new_privileges = true;
  cr_assert_not(privilege_gained(setuid_root(), restricted).has_value());
}

Test(privilege, capabilities_count_for_everyone_but_root) {
  const FileIdentity file{S_IFREG | 0755, 0, 0, false, FileCapabilities{true, true}};
  cr_assert(privilege_gained(file, kUser) == "has file capabilities");
  cr_assert_not(privilege_gained(file, kRoot).has_value());
}

Test(privilege, capabilities_under_no_new_privileges_count_when_effective) {
  Credentials restricted = kUser;
  restricted.no_new_privileges = true;
  cr_assert(privilege_gained({S_IFREG | 0755, 0, 0, false, FileCapabilities{true, true}}, restricted).has_value());
  cr_assert_not(privilege_gained({S_IFREG | 0755, 0, 0, false, FileCapabilities{false, true}}, restricted).has_value());
}

Test(privilege, sees_that_the_caller_itself_is_privileged) {
  const FileIdentity file{S_IFREG | 0755, 0, 0, false, std::nullopt};
  cr_assert(privilege_gained(file, {1000, 0, 1000, 1000, false}).has_value());
  cr_assert(privilege_gained(file, {1000, 1000, 1000, 43, false}).has_value());
}

Test(privilege, reads_the_capability_attribute) {
  const std::array<uint32_t, 5> ping = {0x02000001, 1u << 13, 0, 0, 0};  // cap_net_raw+ep, revision 2
  const auto capabilities = parse_capabilities(std::as_bytes(std::span(ping)));
  cr_assert(capabilities && capabilities->is_effective && capabilities->has_permitted);
  const std::array<uint32_t, 5> inheritable = {0x02000000, 0, 1u << 13, 0, 0};
  const auto inherited = parse_capabilities(std::as_bytes(std::span(inheritable)));
  cr_assert(inherited && !inherited->is_effective && !inherited->has_permitted);
  cr_assert_not(parse_capabilities(Bytes()).has_value());
}
