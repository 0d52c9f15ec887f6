// shim/once.h: pthread_once, and what fork changes in it.
#pragma once

namespace gamelan::once {

// In a fork's child: initialisations that other threads of the parent were at are nobody's, and begin anew.
void after_fork_in_child();

}  // namespace gamelan::once
