// allocator/bad_free.cc: wording.
#include "allocator/bad_free.h"

#include "allocator/base/fatal.h"

namespace gamelan::bad_free {

namespace {
Line& object_of(Line& line, const void* p, const MSpan* s) {
  line.hex(reinterpret_cast<uint64_t>(p));
  if (!s) return line;
  if (s->state == SpanState::large) return line.text(" (large object of ").dec(s->requested).text(" bytes)");
  if (s->size_class) line.text(" (size class ").dec(s->elem_size).text(")");
  return line;
}
}  // namespace

void double_free(const void* p, const MSpan* s, const char* call) {
  Line line;
  line.prefix().text("double free of ");
  user_fatal(object_of(line, p, s).text(" in ").text(call).text("()"));
}

void interior(const void* p, const MSpan* s, const char* call) {
  Line line;
  line.prefix().text("interior pointer ");
  object_of(line, p, s).text(" in ").text(call).text("(): ");
  const size_t i = s->index_inside(reinterpret_cast<uintptr_t>(p));
  if (i == MSpan::kNotAnObject) line.text("behind the last object of its span");
  else line.dec(reinterpret_cast<uintptr_t>(p) - s->object(i)).text(" bytes into the object at ").hex(s->object(i));
  user_fatal(line);
}

void foreign(const void* p, const char* call) {
  Line line;
  user_fatal(line.prefix().text("foreign pointer ").hex(reinterpret_cast<uint64_t>(p)).text(" in ").text(call)
                 .text("(): no allocator in this process owns it"));
}

void written_after_free(const MSpan* s, const FreeObject* p) {
  Line line;
  line.prefix().text("free object ");
  user_fatal(object_of(line, p, s).text(" was written to after free(), or freed twice; found in malloc()"));
}

}  // namespace gamelan::bad_free
