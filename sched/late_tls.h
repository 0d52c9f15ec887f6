// sched/late_tls.h: static TLS of a library that is opened while goroutines live.
//
// Owns     one dlopen's time: the calling G stands in ld.so's list of threads; afterwards every other G's block gets the new
//          modules' images. Who opens libraries meanwhile waits; so does a goroutine that is just being made.
#pragma once
#include "sched/g.h"

namespace gamelan {

class LateTls {
 public:
  LateTls();
  ~LateTls();
  LateTls(const LateTls&) = delete;
  LateTls& operator=(const LateTls&) = delete;

 private:
  G* linked_;
};

}  // namespace gamelan
