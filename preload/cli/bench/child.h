// preload/cli/bench/child.h: one program that is started, watched and ended.
//
// Owns     the process, its process group (what is left of it is killed once the process has ended), a pidfd, and the
//          files in memory that take its output.
// fork     not vfork or posix_spawn: the kernel counts what was resident before exec into ru_maxrss, and a forked child
//          has only those pages of ours that are private or that it touches, some 1.7 MiB.
// Needs    a process with one thread; `adopt_orphans` once before the first Child.
#pragma once
#include <sys/resource.h>
#include <sys/types.h>

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gamelan::cli::bench {

struct Launch {
  std::vector<std::string> words;                // the program, searched in PATH, and its arguments
  std::string library;                           // preloaded, in front of what LD_PRELOAD names; may be empty
  std::map<std::string, std::string> variables;  // on top of our environment
  std::string folder;                            // to run in; empty: ours
  std::string input = "/dev/null";               // its stdin
};

struct Ending {
  int status = 0;  // as of wait(2)
  rusage usage{};  // with all descendants that were waited for

  bool is_success() const;
  // "ended with exit code 3", "was killed by SIGSEGV"
  std::string described() const;
};

class Child {
 public:
  Child() = default;
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Returns  why it cannot be started.
  std::optional<std::string> start(const Launch& launch, const sigset_t& mask);

  pid_t pid() const { return pid_; }
  int descriptor() const { return pidfd_; }  // readable once it has ended

  void signal(int number) const;
  Ending wait();  // blocks until it has ended

  // What it has written, from the start.
  std::string output() const;
  std::string errors() const;
  std::string figures() const;  // to the descriptor that $BENCH_FIGURES names
  // A hash of the output.
  uint64_t output_digest() const;

 private:
  [[noreturn]] void become(const Launch& launch, const sigset_t& mask, int complaint) const;

  pid_t pid_ = -1;
  int pidfd_ = -1;
  bool is_waited_for_ = false;
  int output_ = -1, errors_ = -1, figures_ = -1;
};

// Makes descendants whose parent has gone our children, so that `end_orphans` finds them.
void adopt_orphans();

// Kills every child of ours: call it where no Child is running.
void end_orphans();

}  // namespace gamelan::cli::bench
