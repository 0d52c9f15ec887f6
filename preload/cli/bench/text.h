// preload/cli/bench/text.h: a report for a terminal: head, rows, means, verdict.
//
// A suite prints each row as soon as it is there, so head, row and tail are calls of their own.
// Prints   to stdout.
#pragma once
#include "preload/cli/bench/report.h"

namespace gamelan::cli::bench {

void print_head(const Report& report);

// One row of the suite; the first one below its column heads (`print_suite_columns`).
void print_suite_columns(const Report& report);
void print_suite_row(const Report& report, const Row& row);

// The table of the user's command, an allocator a line.
void print_command_table(const Report& report);

void print_tail(const Report& report);

// "1.234 s", "7.31 ns", "48 faults": three or four digits, as far as they mean something.
std::string shown_figure(double value, const std::string& unit);

}  // namespace gamelan::cli::bench
