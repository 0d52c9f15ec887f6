#include "preload/cli/bench/measure.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>

#include "preload/cli/bench/child.h"
#include "preload/cli/bench/watch.h"

namespace gamelan::cli::bench {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

Launch launch_of(const Job& job, const Contender& contender) {
  Launch launch{job.words, contender.library, job.variables, job.folder, job.input};
  for (const auto& [name, value] : contender.variables) launch.variables[name] = value;
  return launch;
}

// A command of the user's that stands beside the server, without any allocator of ours.
Launch helper_of(const Job& job, const std::string& command) {
  return {{"/bin/sh", "-c", command}, "", job.variables, job.folder, "/dev/null"};
}

// " (last words)": what was said last on stderr.
std::string last_words(const Child& child) {
  std::string text = child.errors();
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::string line = text.substr(text.rfind('\n') + 1, 200);
  return line.empty() ? "" : fmt::format(" ({})", line);
}

std::string why_given_up(WatchEnd end, const std::string& what, double timeout) {
  return end == WatchEnd::kInterrupted ? "interrupted" : fmt::format("{} did not end within {:g} s", what, timeout);
}

void take_usage(Measurement& seen, const rusage& usage) {
  seen.user = seconds_of(usage.ru_utime);
  seen.sys = seconds_of(usage.ru_stime);
  seen.faults = static_cast<uint64_t>(usage.ru_minflt + usage.ru_majflt);
  seen.peak_bytes = std::max(seen.curve.peak(), static_cast<uint64_t>(usage.ru_maxrss) * 1024);
}

class Run {
 public:
  Run(const Job& job, const Contender& contender, Interruption& interruption)
      : job_(job), contender_(contender), interruption_(interruption) {}

  Measurement program() {
    if (!start()) return seen_;
    const WatchEnd end = watch(program_, job_.timeout, sampled(), interruption_);
    seen_.wall = seconds_since(start_);
    if (end != WatchEnd::kEnded) return failed(why_given_up(end, "it", job_.timeout));
    const Ending ending = program_.wait();
    take_usage(seen_, ending.usage);
    take_output(program_);
    if (!ending.is_success()) return failed(ending.described() + last_words(program_));
    return seen_;
  }

  Measurement server() {
    if (!start() || !await_ready() || !time_load()) return seen_;
    program_.signal(SIGTERM);
    const WatchEnd end = watch(program_, kServerStop, sampled(), interruption_);
    if (end != WatchEnd::kEnded) return failed(why_given_up(end, "the server (after SIGTERM)", kServerStop));
    const Ending ending = program_.wait();
    take_usage(seen_, ending.usage);
    if (!is_ended_by_term(ending)) return failed("the server " + ending.described() + last_words(program_));
    return seen_;
  }

 private:
  bool start() {
    start_ = Clock::now();
    const auto failure = program_.start(launch_of(job_, contender_), interruption_.original_mask());
    if (failure) seen_.failure = *failure;
    return !failure;
  }

  Sampled sampled() { return {program_.pid(), start_, seen_.curve}; }

  Measurement failed(const std::string& why) {
    seen_.failure = why;
    return seen_;
  }

  bool await_ready() {
    while (seconds_since(start_) < kServerStart) {
      if (has_ended()) return fail("the server " + program_.wait().described() + last_words(program_));
      Child ready;
      if (const auto failure = ready.start(helper_of(job_, job_.ready), interruption_.original_mask()))
        return fail(*failure);
      const WatchEnd end = watch(ready, kServerStart, sampled(), interruption_);
      if (end != WatchEnd::kEnded) return fail(why_given_up(end, "--ready", kServerStart));
      if (ready.wait().is_success()) return true;
      pause();
    }
    return fail(fmt::format("--ready did not succeed within {:g} s", kServerStart));
  }

  bool time_load() {
    Child load;
    const Clock::time_point start = Clock::now();
    if (const auto failure = load.start(helper_of(job_, job_.load), interruption_.original_mask()))
      return fail(*failure);
    const WatchEnd end = watch(load, job_.timeout, sampled(), interruption_);
    seen_.wall = seconds_since(start);
    if (end != WatchEnd::kEnded) return fail(why_given_up(end, "--load", job_.timeout));
    const Ending ending = load.wait();
    take_output(load);
    if (!ending.is_success()) return fail("--load " + ending.described() + last_words(load));
    if (has_ended()) return fail("the server " + program_.wait().described() + last_words(program_));
    return true;
  }

  bool fail(const std::string& why) {
    seen_.failure = why;
    return false;
  }

  bool has_ended() const {
    siginfo_t info{};
    waitid(P_PID, static_cast<id_t>(program_.pid()), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid != 0;
  }

  static bool is_ended_by_term(const Ending& ending) {
    return ending.is_success() || (WIFSIGNALED(ending.status) && WTERMSIG(ending.status) == SIGTERM) ||
           (WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 128 + SIGTERM);
  }

  static void pause() {
    const timespec twenty_ms{0, 20'000'000};
    nanosleep(&twenty_ms, nullptr);
  }

  void take_output(const Child& child) {
    seen_.output_digest = child.output_digest();
    seen_.figures = parse_figures(child.figures());
  }

  const Job& job_;
  const Contender& contender_;
  Interruption& interruption_;
  Clock::time_point start_;
  Child program_;
  Measurement seen_;
};

}  // namespace

Measurement measure(const Job& job, const Contender& contender, Interruption& interruption) {
  adopt_orphans();
  Measurement seen;
  {
    Run run(job, contender, interruption);
    seen = job.is_server() ? run.server() : run.program();
  }
  end_orphans();  // now that the program itself has gone
  return seen;
}

}  // namespace gamelan::cli::bench
