// sched/cancel.h: cancellation points, as the shims and the parking lot see them.
//
// Source   pthread_setcancelstate(3), pthreads(7) "Cancellation points".
#pragma once

namespace gamelan::cancel {

// Acts on a request for the caller, if there is one and it may be acted on here: then it does not return.
inline void point() {}
// Whether `point` would act.
inline bool requested() { return false; }

}  // namespace gamelan::cancel
