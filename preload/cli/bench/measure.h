// preload/cli/bench/measure.h: one run of a job under one allocator.
//
// Order    a program: start, sample until it ends. A server: start, poll `ready` until it succeeds, time `load`,
//          SIGTERM, wait.  Resident memory of the whole process tree is sampled meanwhile, by this thread, which
//          then sleeps at least 50 times as long as the look took.
// Peak     the higher of the samples' sum over the tree and of the largest single process, which the kernel knows
//          exactly. It counts what the child has resident between fork and exec too: some 1.7 MiB, below which
//          nothing is seen.
#pragma once
#include "preload/cli/bench/contender.h"
#include "preload/cli/bench/interruption.h"
#include "preload/cli/bench/job.h"

namespace gamelan::cli::bench {

inline constexpr double kServerStart = 30;  // seconds until `ready` must have succeeded
inline constexpr double kServerStop = 10;   // seconds from SIGTERM to the end

// Blocks   until the run has ended, was given up, or a signal came (then the failure is "interrupted").
Measurement measure(const Job& job, const Contender& contender, Interruption& interruption);

}  // namespace gamelan::cli::bench
