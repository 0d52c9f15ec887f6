// preload/cli/doctor.cc: `gamelan doctor FILE...`: what each file is, and whether it can run under gamelan.
//
// The answer is the one `run` acts on: both ask `examine`.
#include <elf.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "preload/cli/command_line.h"
#include "preload/cli/commands.h"
#include "preload/cli/file_view.h"
#include "preload/cli/program.h"
#include "preload/cli/search_path.h"
#include "preload/cli/symptoms.h"
#include "preload/cli/verdict.h"

namespace gamelan::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Diagnosis {
  std::string asked;  // as the user wrote it
  Program program;
  Symptoms symptoms;
};

// A file of that name first, so that `doctor prog` means the one at hand; then as `run` would find it.
Result<std::string> locate(const std::string& asked, const std::vector<std::string>& search_path) {
  if (asked.find('/') != asked.npos || access(asked.c_str(), F_OK) != 0) return find_program(asked, search_path);
  return asked;
}

Symptoms symptoms_of(const Program& program) {
  FileView view;
  if (program.binary.empty() || !view.open(program.binary)) return {};
  return find_symptoms(*program.elf, dynamic_symbols(view.bytes(), *program.elf));
}

Diagnosis diagnose(const std::string& asked) {
  const std::vector<std::string> search_path = split_search_path(std::getenv("PATH"));
  Diagnosis diagnosis{asked, {}, {}};
  const Result<std::string> path = locate(asked, search_path);
  if (!path) {
    diagnosis.program.path = asked;
    diagnosis.program.refusal = path.failure();
    return diagnosis;
  }
  diagnosis.program = examine(*path, search_path, credentials_of_caller());
  diagnosis.symptoms = symptoms_of(diagnosis.program);
  return diagnosis;
}

std::string kind_of(const ElfFile& elf) {
  const char* type = "unknown type";
  if (elf.type == ET_EXEC) type = "fixed-position executable";
  if (elf.type == ET_DYN) type = elf.is_pie || elf.interpreter ? "position-independent executable" : "shared object";
  if (elf.type == ET_REL) type = "object file";
  if (elf.type == ET_CORE) type = "core dump";
  return fmt::format("ELF {}-bit {}, {}", elf.is_64_bit ? 64 : 32, machine_name(elf.machine), type);
}

std::string_view linking_of(const ElfFile& elf) {
  if (is_glibc_loader(elf)) return "none: it is the loader";
  return elf.interpreter ? "dynamic" : "static";
}

std::vector<std::string> privileges_of(const FileIdentity& identity) {
  std::vector<std::string> found;
  if (identity.mode & S_ISUID) found.push_back(fmt::format("setuid {}", identity.uid));
  if ((identity.mode & S_ISGID) && (identity.mode & S_IXGRP)) found.push_back(fmt::format("setgid {}", identity.gid));
  if (identity.capabilities) found.push_back("file capabilities");
  return found;
}

std::string script_line_of(const Script& script) {
  const ScriptLine& line = script.line;
  const std::string words = line.argument.empty() ? line.interpreter : line.interpreter + " " + line.argument;
  return fmt::format("{} is run by {}", script.path, words);
}

// The reason without the file's name when that is the one asked for, as the report stands under it.
std::string reason_of(const Program& program) {
  const std::string lead = program.path + ": ";
  const std::string& text = program.refusal->text;
  return text.starts_with(lead) ? text.substr(lead.size()) : text;
}

std::string verdict_of(const Diagnosis& diagnosis) {
  if (diagnosis.program.refusal) return "no: " + reason_of(diagnosis.program);
  if (diagnosis.symptoms.sanitizer.empty()) return "yes";
  return fmt::format("yes, but gamelan stands aside: built with {}", diagnosis.symptoms.sanitizer);
}

void print_row(std::string_view name, std::string_view text) { fmt::print("  {:<12} {}\n", name, text); }

void print_binary(const Diagnosis& diagnosis) {
  const ElfFile& elf = *diagnosis.program.elf;
  const Symptoms& symptoms = diagnosis.symptoms;
  if (!diagnosis.program.scripts.empty()) print_row("interpreter", diagnosis.program.binary);
  print_row("kind", kind_of(elf));
  print_row("linking", linking_of(elf));
  if (elf.interpreter) print_row("loader", fmt::format("{} ({})", *elf.interpreter, libc_name(libc_of(elf))));
  const auto privileges = privileges_of(diagnosis.program.identity);
  if (!privileges.empty()) print_row("privileges", fmt::format("{}", fmt::join(privileges, ", ")));
  if (!symptoms.own_allocator.empty())
    print_row("allocator", fmt::format("exports its own {}; they come before ours, and their memory is left to them",
                                       fmt::join(symptoms.own_allocator, ", ")));
  for (const NotableLibrary& library : symptoms.libraries)
    print_row("needs", fmt::format("{}: {}", library.name, library.note));
  if (!symptoms.sanitizer.empty()) print_row("sanitizer", symptoms.sanitizer);
}

void print_text(const Diagnosis& diagnosis) {
  fmt::print("{}\n", diagnosis.program.path);
  for (const Script& script : diagnosis.program.scripts) print_row("script", script_line_of(script));
  if (!diagnosis.program.binary.empty()) print_binary(diagnosis);
  fmt::print("  can run under gamelan: {}\n", verdict_of(diagnosis));
}

Json json_of_scripts(const Program& program) {
  Json scripts = Json::array();
  for (const Script& script : program.scripts)
    scripts.push_back(
        {{"path", script.path}, {"interpreter", script.line.interpreter}, {"argument", script.line.argument}});
  return scripts;
}

Json json_of_binary(const Diagnosis& diagnosis) {
  const Program& program = diagnosis.program;
  if (program.binary.empty()) return nullptr;
  const ElfFile& elf = *program.elf;
  Json libraries = Json::object();
  for (const NotableLibrary& library : diagnosis.symptoms.libraries) libraries[library.name] = library.note;
  return {{"path", program.binary},
          {"bits", elf.is_64_bit ? 64 : 32},
          {"machine", machine_name(elf.machine)},
          {"kind", kind_of(elf)},
          {"linking", linking_of(elf)},
          {"loader", elf.interpreter ? Json(*elf.interpreter) : Json(nullptr)},
          {"libc", elf.interpreter ? Json(libc_name(libc_of(elf))) : Json(nullptr)},
          {"privileges", privileges_of(program.identity)},
          {"own_allocator", diagnosis.symptoms.own_allocator},
          {"needed", elf.needed},
          {"notable_libraries", libraries},
          {"sanitizer", diagnosis.symptoms.sanitizer.empty() ? Json(nullptr) : Json(diagnosis.symptoms.sanitizer)}};
}

Json json_of(const Diagnosis& diagnosis) {
  const auto& refusal = diagnosis.program.refusal;
  return {{"file", diagnosis.asked},
          {"path", diagnosis.program.path},
          {"scripts", json_of_scripts(diagnosis.program)},
          {"binary", json_of_binary(diagnosis)},
          {"can_run", !refusal},
          {"stands_aside", !refusal && !diagnosis.symptoms.sanitizer.empty()},
          {"reason", refusal ? Json(reason_of(diagnosis.program)) : Json(nullptr)},
          {"exit_code", refusal ? refusal->exit_code : kExitOk}};
}

void print_json(const std::vector<Diagnosis>& diagnoses) {
  Json all = Json::array();
  for (const Diagnosis& diagnosis : diagnoses) all.push_back(json_of(diagnosis));
  fmt::print("{}\n", all.dump(2, ' ', false, Json::error_handler_t::replace));
}

}  // namespace

int doctor_command(const Words& words) {
  CommandLine line("doctor");
  std::vector<std::string> files;
  bool is_json = false;
  line.options()
      .add_option("FILE", files, "program or script; searched in PATH when it is not a file at hand")
      ->required();
  line.options().add_flag("--json", is_json, "print a JSON array, one object per file");
  if (const auto code = line.parse(words)) return *code;

  std::vector<Diagnosis> diagnoses;
  for (const std::string& file : files) diagnoses.push_back(diagnose(file));
  if (is_json) print_json(diagnoses);
  for (size_t i = 0; i < diagnoses.size() && !is_json; ++i) {
    if (i > 0) fmt::print("\n");
    print_text(diagnoses[i]);
  }
  const bool all_can =
      std::none_of(diagnoses.begin(), diagnoses.end(), [](const Diagnosis& d) { return d.program.refusal; });
  return all_can ? kExitOk : kExitNegative;
}

}  // namespace gamelan::cli
