// preload/exit_report.h: stats=1: what the process did with its heap, said when it ends.
#pragma once

namespace gamelan {

void register_exit_report();  // no-op without stats and verify
void report_at_exit();        // likewise; once

}  // namespace gamelan
