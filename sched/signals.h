// sched/signals.h: signals, as the blocking calls see them.
#pragma once

namespace gamelan {

// After Wake::interrupted: whether every handler that ran had SA_RESTART, so that calls which the kernel restarts go on.
inline bool signals_restart() { return true; }

}  // namespace gamelan
