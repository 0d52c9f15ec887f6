#include "preload/cli/leaks/findings.h"

#include <criterion/criterion.h>

using namespace gamelan::cli;

Test(findings, groups_frames_and_sums_are_read_back) {
  const auto all = parse_findings(
      "gamelan[12]: something else\n"
      "gamelan[12]: direct leak: 200 bytes in 2 blocks, allocated at\n"
      "    #0 0x55cd20f865bf leak_malloc+0xe (/tmp/a b/prog+0x25bf)\n"
      "    #1 0x7fcdf2e4524a (/lib/libc.so.6+0x2724a)\n"
      "    #2 0x1234\n"
      "gamelan[12]: indirect leak: 1 byte in 1 block, allocated at\n"
      "    (the stack was not kept)\n"
      "gamelan[12]: leaks at exit in prog: 201 bytes in 3 blocks (2 direct, 1 indirect); still reachable: 50 bytes in 4 blocks\n"
      "gamelan[12]: leaks as asked in prog: none; still reachable: 51 bytes in 5 blocks\n");
  cr_assert(all.size() == 2);
  const ProcessFindings& p = all[0];
  cr_assert(p.pid == 12 && p.program == "prog" && p.when == "at exit" && p.reachable_bytes == 50 && p.reachable_blocks == 4);
  cr_assert(p.other_lines.size() == 1 && p.leaks.size() == 2);
  const Leak& leak = p.leaks[0];
  cr_assert(leak.kind == "direct" && leak.bytes == 200 && leak.blocks == 2 && leak.frames.size() == 3);
  cr_assert(leak.frames[0].function == "leak_malloc" && leak.frames[0].module == "/tmp/a b/prog" && leak.frames[0].offset == 0x25bf);
  cr_assert(leak.frames[1].function.empty() && leak.frames[1].pc == 0x7fcdf2e4524a);
  cr_assert(leak.frames[2].module.empty() && p.leaks[1].frames.empty());
  cr_assert(all[1].leaks.empty() && all[1].when == "as asked");
}

Test(findings, what_a_killed_process_left_is_kept) {
  const auto all = parse_findings("gamelan[3]: direct leak: 8 bytes in 1 block, allocated at\n    #0 0x10\n");
  cr_assert(all.size() == 1 && all[0].leaks.size() == 1);
  cr_assert(parse_findings("").empty());
}
