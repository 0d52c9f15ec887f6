#include "preload/cli/leaks/symbols.h"

#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#include <cstdlib>
#include <string_view>

namespace gamelan::cli {
namespace {

std::string demangled(const char* name) {
  if (!name) return "";
  if (std::string_view(name).substr(0, 2) != "_Z") return name;  // "f" alone would be a mangled float
  int status = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 && text ? text : name;
  std::free(text);
  return result;
}

const char* linkage_name(Dwarf_Die* die) {
  Dwarf_Attribute attribute;
  for (unsigned which : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name})
    if (const char* name = dwarf_formstring(dwarf_attr_integrate(die, which, &attribute))) return name;
  return dwarf_diename(die);
}

// Where an inlined function was called from.
void set_call_site(Dwarf_Die* unit, Dwarf_Die* inlined, Frame* frame) {
  Dwarf_Attribute attribute;
  Dwarf_Word file = 0, line = 0;
  dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file);
  dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line);
  Dwarf_Files* files = nullptr;
  size_t count = 0;
  const char* name = dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count ? dwarf_filesrc(files, file, nullptr, nullptr) : nullptr;
  frame->file = name ? name : "";
  frame->line = static_cast<int>(line);
}

void set_line(Dwfl_Module* module, Dwarf_Addr at, Frame* frame) {
  Dwfl_Line* line = dwfl_module_getsrc(module, at);
  const char* file = line ? dwfl_lineinfo(line, nullptr, &frame->line, nullptr, nullptr, nullptr) : nullptr;
  frame->file = file ? file : "";
}

}  // namespace

struct Symbols::Session {
  static constexpr Dwfl_Callbacks kCallbacks = {
      .find_elf = dwfl_build_id_find_elf,
      .find_debuginfo = dwfl_standard_find_debuginfo,
      .section_address = dwfl_offline_section_address,
      .debuginfo_path = nullptr,
  };
  Dwfl* dwfl = dwfl_begin(&kCallbacks);
  std::map<std::string, Dwfl_Module*> modules;

  Dwfl_Module* module(const std::string& path) {
    const auto known = modules.find(path);
    if (known != modules.end()) return known->second;
    dwfl_report_begin_add(dwfl);
    Dwfl_Module* made = dwfl_report_offline(dwfl, path.c_str(), path.c_str(), -1);
    dwfl_report_end(dwfl, nullptr, nullptr);
    return modules[path] = made;
  }
};

Symbols::Symbols() : session_(std::make_unique<Session>()) {}
Symbols::~Symbols() {
  if (session_->dwfl) dwfl_end(session_->dwfl);
}

std::vector<Frame> Symbols::resolve(const Frame& frame) {
  Dwfl_Module* module = session_->dwfl && !frame.module.empty() ? session_->module(frame.module) : nullptr;
  if (!module) return {frame};
  Dwarf_Addr low = 0;
  dwfl_module_info(module, nullptr, &low, nullptr, nullptr, nullptr, nullptr, nullptr);
  const Dwarf_Addr at = low + frame.offset - 1;  // the call, not the instruction behind it

  std::vector<Frame> frames;
  Frame outer = frame;
  if (const char* symbol = dwfl_module_addrname(module, at)) outer.function = demangled(symbol);
  set_line(module, at, &outer);
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module, at, &bias);
  Dwarf_Die* scopes = nullptr;
  const int count = unit ? dwarf_getscopes(unit, at - bias, &scopes) : 0;
  for (int i = 0; i < count; ++i) {
    if (dwarf_tag(&scopes[i]) == DW_TAG_subprogram) {
      if (const char* name = linkage_name(&scopes[i])) outer.function = demangled(name);
      break;
    }
    if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine) continue;
    Frame inlined = outer;
    inlined.function = demangled(linkage_name(&scopes[i]));
    inlined.is_inlined = true;
    frames.push_back(inlined);
    set_call_site(unit, &scopes[i], &outer);
  }
  std::free(scopes);
  frames.push_back(outer);
  return frames;
}

void resolve_all(std::vector<ProcessFindings>& findings) {
  Symbols symbols;
  for (ProcessFindings& process : findings)
    for (Leak& leak : process.leaks) {
      std::vector<Frame> frames;
      for (const Frame& frame : leak.frames)
        for (Frame& resolved : symbols.resolve(frame)) frames.push_back(std::move(resolved));
      leak.frames = std::move(frames);
    }
}

}  // namespace gamelan::cli
