// preload/cli/result.h: a value, or the line to print and the code to exit with.
//
// Owns     nothing but what it holds.
// Never    prints: only `main` turns a Failure into output, so every command fails in the same shape.
#pragma once
#include <string>
#include <utility>
#include <variant>

namespace gamelan::cli {

// Exit codes of the command itself; a program that was started gives its own. `gamelan help exit-codes` prints them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitNegative = 1;         // doctor: a file cannot run; stat: no such process; bench: void
inline constexpr int kExitUsage = 2;            // wrong arguments
inline constexpr int kExitOurFailure = 125;     // our installation or the system failed us
inline constexpr int kExitCannotPreload = 126;  // found, but it cannot be executed or cannot be preloaded
inline constexpr int kExitNotFound = 127;       // no such program, or its interpreter is missing

struct Failure {
  int exit_code;
  std::string text;  // one line, without the leading "gamelan: " and the newline
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::move(value)) {}            // NOLINT: implicit, so that `return value;` reads well
  Result(Failure failure) : held_(std::move(failure)) {}  // NOLINT: the same

  explicit operator bool() const { return std::holds_alternative<T>(held_); }
  T& operator*() { return std::get<T>(held_); }
  const T& operator*() const { return std::get<T>(held_); }
  T* operator->() { return &std::get<T>(held_); }
  const T* operator->() const { return &std::get<T>(held_); }
  const Failure& failure() const { return std::get<Failure>(held_); }

 private:
  std::variant<T, Failure> held_;
};

}  // namespace gamelan::cli
