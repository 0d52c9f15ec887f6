// sched/late_tls.cc: who is linked, and what is copied.
#include "sched/late_tls.h"

#include "sched/slots.h"
#include "sched/spin_lock.h"
#include "sched/tcb.h"

namespace gamelan {

namespace {
constinit SpinLock list_lock;
}  // namespace

// The main goroutine's block is in the list already: libc made it.
LateTls::LateTls() : linked_(self()->slot ? self() : nullptr) {
  RuntimeSection section;
  SpinGuard guard(list_lock);
  if (linked_ && linked_->late_tls_depth++ == 0) tcb::link_into_stack_list(linked_->fs);
}

LateTls::~LateTls() {
  RuntimeSection section;
  SpinGuard guard(list_lock);
  if (linked_ && --linked_->late_tls_depth == 0) tcb::unlink_from_stack_list(linked_->fs);
  tcb::refresh_modules();
  SlotPool::for_each_g([this](G* g) {
    if (g != linked_) tcb::copy_late_modules(g->fs);
  });
  tcb::late_modules_are_copied();
}

}  // namespace gamelan
