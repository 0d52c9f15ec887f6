#include "sched/netpoll.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "allocator/base/syscall.h"
#include "sched/descriptors.h"
#include "sched/own_descriptors.h"
#include "tests/unit/support.h"

using namespace gamelan;

namespace {
constexpr Nanos kForever = parking_lot::kForever;

// The waiters are native threads, which the netpoller wakes by itself; this one does what an idle M would.
class Poller {
 public:
  Poller() : thread_([this] {
    while (!stop_) cr_assert_null(netpoll::poll(kForever));
  }) {}
  ~Poller() {
    stop_ = true;
    netpoll::interrupt_poll();
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

struct Pipe {
  int in, out;
  Pipe() {
    int p[2];
    cr_assert_eq(pipe2(p, O_NONBLOCK), 0);
    out = p[0], in = p[1];
  }
  ~Pipe() { close(in), close(out); }
  void put(size_t n = 1) const { cr_assert_eq(write(in, "xxxxxxxxxxxxxxxx", n), static_cast<ssize_t>(n)); }
  bool take() const {
    char c;
    return read(out, &c, 1) == 1;
  }
};

Nanos soon(Nanos t) { return sys::monotonic_now() + t; }

void until_waiting() {
  while (!netpoll::has_waiters()) std::this_thread::yield();
}

// As the shim does: waits, takes, passes the turn. False: the deadline came first.
bool take_when_ready(const Pipe& p, Nanos deadline, std::atomic<int>* futile = nullptr) {
  for (;;) {
    if (netpoll::wait(p.out, POLLIN, deadline) == Wake::timed_out) return false;
    const bool got = p.take();
    netpoll::hand_on(p.out);
    if (got) return true;
    if (futile) ++*futile;
  }
}
}  // namespace

Test(netpoll, what_is_ready_is_told_at_once, .timeout = 20) {
  Poller poller;
  Pipe p;
  p.put();
  cr_assert_eq(netpoll::wait(p.out, POLLIN, kForever), Wake::woken);
  cr_assert_eq(netpoll::wait(p.in, POLLOUT, kForever), Wake::woken);
  cr_assert_not(netpoll::has_waiters());
}

Test(netpoll, a_waiter_wakes_when_it_gets_ready, .timeout = 20) {
  Poller poller;
  Pipe p;
  std::thread waiter([&] { cr_assert(take_when_ready(p, kForever)); });
  until_waiting();
  p.put();
  waiter.join();
}

Test(netpoll, a_deadline_is_never_early, .timeout = 20) {
  Poller poller;
  Pipe p;
  for (const Nanos t : {Nanos{1}, kMilli, 15 * kMilli}) {
    const Nanos deadline = soon(t);
    cr_assert_eq(netpoll::wait(p.out, POLLIN, deadline), Wake::timed_out);
    cr_assert_geq(sys::monotonic_now(), deadline);
  }
}

Test(netpoll, what_cannot_be_polled, .timeout = 20) {
  Poller poller;
  Pipe p;
  const int file = open("/proc/self/exe", O_RDONLY);
  cr_assert_eq(netpoll::wait(file, POLLIN, kForever), Wake::not_pollable);
  cr_assert_eq(netpoll::wait(-1, POLLIN, kForever), Wake::not_pollable);
  pollfd both[] = {{p.out, POLLIN, 0}, {file, POLLIN, 0}};
  cr_assert_eq(netpoll::wait_any(both, 2, kForever), Wake::not_pollable);
  close(file);
  cr_assert_eq(netpoll::wait(file, POLLIN, kForever), Wake::not_pollable);
  cr_assert_not(netpoll::has_waiters());
  cr_assert_null(descriptors::find(p.out)->first.load_acquire(), "nobody is left behind in a queue");
}

Test(netpoll, no_descriptor_to_be_had, .timeout = 20) {
  Pipe p;
  rlimit few{};
  getrlimit(RLIMIT_NOFILE, &few);
  few.rlim_cur = static_cast<rlim_t>(dup(0));
  close(static_cast<int>(few.rlim_cur));
  setrlimit(RLIMIT_NOFILE, &few);
  cr_assert_eq(netpoll::wait(p.out, POLLIN, kForever), Wake::not_pollable);
  few.rlim_cur += 20;
  setrlimit(RLIMIT_NOFILE, &few);
  cr_assert_eq(netpoll::wait(p.out, POLLIN, soon(kMilli)), Wake::timed_out, "a later call tries again");
}

Test(netpoll, the_programs_lowest_number_stays, .timeout = 20) {
  const int before = dup(0);
  close(before);
  {
    Poller poller;
    Pipe p;
    netpoll::wait(p.out, POLLIN, soon(1));
  }
  const int after = dup(0);
  cr_assert_eq(before, after);
  const int ours = own_descriptors::lowest_from(0);
  cr_assert(ours > 100 && ours < 1024);
  cr_assert_eq(fcntl(ours, F_GETFD), FD_CLOEXEC);
  own_descriptors::find(ours)->move_away();
  cr_assert_null(own_descriptors::find(ours));
  close(ours);
  Poller poller;
  Pipe p;
  p.put();
  cr_assert_eq(netpoll::wait(p.out, POLLIN, kForever), Wake::woken, "it goes on under the new number");
}

Test(netpoll, any_of_many, .timeout = 20) {
  Poller poller;
  std::vector<std::unique_ptr<Pipe>> pipes;
  std::vector<pollfd> fds;
  for (int i = 0; i < 100; i++) {
    pipes.push_back(std::make_unique<Pipe>());
    fds.push_back({pipes.back()->out, POLLIN, 0});
    if (i % 3 == 0) fds.push_back({-1, POLLIN, 0});
  }
  cr_assert_eq(netpoll::wait_any(fds.data(), static_cast<unsigned>(fds.size()), soon(kMilli)), Wake::timed_out);
  std::thread writer([&] {
    until_waiting();
    pipes[77]->put();
  });
  cr_assert_eq(netpoll::wait_any(fds.data(), static_cast<unsigned>(fds.size()), kForever), Wake::woken);
  writer.join();
  cr_assert(pipes[77]->take());
}

Test(netpoll, one_waiter_per_readiness_in_order, .timeout = 20) {
  Poller poller;
  Pipe p;
  std::atomic<int> woken{0}, futile{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 50; i++)
    waiters.emplace_back([&] {
      cr_assert(take_when_ready(p, kForever, &futile));
      woken++;
    });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  for (int i = 1; i <= 50; i++) {
    p.put();
    while (woken < i) std::this_thread::yield();
  }
  for (std::thread& t : waiters) t.join();
  cr_assert_leq(futile, 50, "%d wake-ups for nothing", futile.load());
}

Test(netpoll, a_burst_reaches_everybody, .timeout = 20) {
  Poller poller;
  Pipe p;
  std::vector<std::thread> waiters;
  for (int i = 0; i < 16; i++) waiters.emplace_back([&] { cr_assert(take_when_ready(p, kForever)); });
  until_waiting();
  p.put(16);
  for (std::thread& t : waiters) t.join();
}

Test(netpoll, readers_and_writers_of_one_socket, .timeout = 20) {
  Poller poller;
  int s[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s), 0);
  char big[4096] = {};
  while (write(s[0], big, sizeof big) > 0) {}
  std::atomic<bool> may_write{false};
  std::thread writer([&] {
    cr_assert_eq(netpoll::wait(s[0], POLLOUT, kForever), Wake::woken);
    may_write = true;
    netpoll::hand_on(s[0]);
  });
  std::thread reader([&] {
    cr_assert_eq(netpoll::wait(s[0], POLLIN, kForever), Wake::woken);
    netpoll::hand_on(s[0]);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  cr_assert_eq(write(s[1], "x", 1), 1);
  reader.join();
  cr_assert_not(may_write.load());
  while (read(s[1], big, sizeof big) > 0) {}
  writer.join();
  close(s[0]), close(s[1]);
}

Test(netpoll, a_hang_up_wakes_everybody, .timeout = 20) {
  Poller poller;
  int p[2];
  cr_assert_eq(pipe(p), 0);
  std::vector<std::thread> waiters;
  for (int i = 0; i < 20; i++)
    waiters.emplace_back([&] { cr_assert_eq(netpoll::wait(p[0], POLLIN, kForever), Wake::woken); });
  until_waiting();
  close(p[1]);
  for (std::thread& t : waiters) t.join();
  close(p[0]);
}

Test(netpoll, forget_wakes_everybody, .timeout = 20) {
  Poller poller;
  Pipe p;
  std::atomic<int> back{0};
  std::vector<std::thread> waiters;
  for (int i = 0; i < 20; i++)
    waiters.emplace_back([&] {
      cr_assert_eq(netpoll::wait(p.out, POLLIN, kForever), Wake::woken);
      back++;
    });
  until_waiting();
  for (; back < 20; std::this_thread::yield()) netpoll::forget(p.out);  // those who had not begun yet, too
  for (std::thread& t : waiters) t.join();
}

Test(netpoll, an_interruption_ends_one_wait_and_is_not_lost, .timeout = 20) {
  netpoll::interrupt_poll();
  cr_assert_null(netpoll::poll(kForever), "one that came before");
  Pipe p;
  netpoll::wait(p.out, POLLIN, soon(1));  // from here on there is an epoll descriptor
  for (int i = 0; i < 100; i++) netpoll::interrupt_poll();
  cr_assert_null(netpoll::poll(0));
  cr_assert_null(netpoll::poll(kForever), "a poll that does not wait leaves it to one that does");
  const Nanos deadline = soon(20 * kMilli);
  cr_assert_null(netpoll::poll(deadline));
  cr_assert_geq(sys::monotonic_now(), deadline, "a hundred of them are one");
}

// Time-outs, forgetting and readiness race; each byte is taken once, and nobody waits on.
Test(netpoll, stress, .timeout = 60) {
  constexpr int kPipes = 4, kThreads = 12, kBytes = 3000;
  Poller poller;
  Pipe pipes[kPipes];
  std::atomic<int> taken{0}, written{0};
  test::in_threads(kThreads + kPipes, [&](unsigned i) {
    test::Random random(i + 1);
    if (i >= kThreads) {
      for (int n = 0; n < kBytes; n++) {
        pipes[i - kThreads].put();
        written++;
        if (random.once_in(200)) netpoll::forget(pipes[i - kThreads].out);
        if (random.once_in(4)) std::this_thread::yield();
      }
      return;
    }
    while (taken < kPipes * kBytes) {
      const Pipe& p = pipes[random.below(kPipes)];
      if (random.once_in(5)) {
        pollfd all[kPipes];
        for (int n = 0; n < kPipes; n++) all[n] = {pipes[n].out, POLLIN, 0};
        netpoll::wait_any(all, kPipes, soon(static_cast<Nanos>(random.below(kMilli))));
      } else if (take_when_ready(p, soon(static_cast<Nanos>(random.below(kMilli))))) {
        taken++;
      }
    }
  });
  cr_assert_eq(taken, written);
  cr_assert_not(netpoll::has_waiters());
}

Test(netpoll, a_child_begins_anew, .timeout = 20) {
  Poller poller;
  Pipe p;
  netpoll::wait(p.out, POLLIN, soon(1));
  const int ours = own_descriptors::lowest_from(0);
  const pid_t child = fork();
  if (child == 0) {
    netpoll::after_fork_in_child();
    if (own_descriptors::lowest_from(0) != INT32_MAX || fcntl(ours, F_GETFD) != -1) _exit(1);
    p.put();
    std::thread driver([] { while (!netpoll::poll(kForever)) {} });
    driver.detach();
    _exit(netpoll::wait(p.out, POLLIN, kForever) == Wake::woken ? 0 : 2);
  }
  int status = -1;
  cr_assert_eq(waitpid(child, &status, 0), child);
  cr_assert_eq(status, 0);
  cr_assert_eq(netpoll::wait(p.out, POLLIN, kForever), Wake::woken, "the parent's goes on");
}

Test(descriptors, any_number_has_its_own) {
  cr_assert_null(descriptors::find(5));
  cr_assert_null(descriptors::make(-1));
  const int numbers[] = {0, 5, 4095, 4096, 1 << 20, INT32_MAX};
  for (const int fd : numbers) {
    Descriptor* d = descriptors::make(fd);
    cr_assert_not_null(d);
    cr_assert_eq(d->kind.load_relaxed(), FileKind::unknown);
    d->kind.store_relaxed(FileKind::pipe);
    cr_assert_eq(descriptors::find(fd), d);
    cr_assert_eq(descriptors::make(fd), d);
  }
  descriptors::forget_file(5);
  cr_assert_eq(descriptors::find(5)->kind.load_relaxed(), FileKind::unknown);
  cr_assert_eq(descriptors::find(4095)->kind.load_relaxed(), FileKind::pipe);
  descriptors::after_fork_in_child();
  for (const int fd : numbers) cr_assert_eq(descriptors::find(fd)->kind.load_relaxed(), FileKind::unknown);
}

Test(descriptors, o_nonblock_is_known_until_somebody_sets_it_or_closes) {
  SeenBlocking b;
  cr_assert(!b.holds());
  b.end_look(b.begin_look());
  cr_assert(b.holds());
  SeenBlocking::note_setting();
  cr_assert(!b.holds());
  uint64_t look = b.begin_look();
  SeenBlocking::note_setting();
  b.end_look(look);
  cr_assert(!b.holds(), "set while one looked");
  look = b.begin_look();
  b.forget();
  b.end_look(look);
  cr_assert(!b.holds(), "closed while one looked");
  b.end_look(b.begin_look());
  b.forget();
  cr_assert(!b.holds());
}

Test(descriptors, a_dry_one_is_tried_now_and_then) {
  Dryness d;
  for (int i = 0; i < 4; i++) {
    cr_assert(!d.expects_nothing());
    d.found_nothing();
  }
  for (int round = 0; round < 3; round++) {
    int skipped = 0;
    while (d.expects_nothing()) skipped++;
    cr_assert_eq(skipped, 15);
    d.found_nothing();
  }
  d.found();
  cr_assert(!d.expects_nothing());
}
