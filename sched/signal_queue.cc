// sched/signal_queue.cc: a stack that its only reader turns round.
#include "sched/signal_queue.h"

#include "sched/signals.h"

namespace gamelan::signal_queue {

namespace {
constexpr unsigned kNodes = 1024;
constinit SignalNode nodes[kNodes] = {};
constinit Atomic<uint32_t> hint{0};

SignalNode* claim_node() {
  const uint32_t start = hint.load_relaxed();
  for (uint32_t i = 0; i < kNodes; i++) {
    SignalNode& n = nodes[(start + i) % kNodes];
    uint32_t unused = 0;
    if (n.used.load_relaxed() || !n.used.compare_exchange(unused, 1)) continue;
    hint.store_relaxed(start + i + 1);
    return &n;
  }
  return nullptr;
}

void put(G* g, SignalNode* n) {
  SignalNode* first = g->queued.load_relaxed();
  do n->next = first;
  while (!g->queued.compare_exchange(first, n));  // pairs: take exchange
  uint64_t before = g->pending.load_relaxed();
  while (!g->pending.compare_exchange(before, before | signals::bit(n->info.si_signo))) {}
}
}  // namespace

bool push(G* g, const siginfo_t& info) {
  if (info.si_signo < SIGRTMIN && (g->pending.load_seq() & signals::bit(info.si_signo))) return true;
  SignalNode* n = claim_node();
  if (!n) return false;
  n->info = info;
  put(g, n);
  return true;
}

bool take(G* g, uint64_t set, siginfo_t* info) {
  if (!(g->pending.load_seq() & set)) return false;
  SignalNode *oldest_first = nullptr, *next;
  g->pending.exchange(0);  // before the list: what comes in between sets its bit again
  for (SignalNode* n = g->queued.exchange(nullptr); n; n = next) {
    next = n->next;
    n->next = oldest_first;
    oldest_first = n;
  }
  bool found = false;
  for (SignalNode* n = oldest_first; n; n = next) {
    next = n->next;
    if (found || !(signals::bit(n->info.si_signo) & set)) {
      put(g, n);
      continue;
    }
    found = true;
    *info = n->info;
    n->used.store_release(0);  // pairs: claim_node
  }
  return found;
}

void clear(G* g) {
  siginfo_t info;
  while (take(g, ~uint64_t{0}, &info)) {}
}

}  // namespace gamelan::signal_queue
