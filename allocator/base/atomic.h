// allocator/base/atomic.h: an atomic word whose every access names its memory order.
//
// Owns     `Atomic<T>`, a T of at most eight bytes. std::atomic defaults to seq_cst; here nothing is default.
// Style    a store_release names its load_acquire partner at the place of the store.
#pragma once

namespace gamelan {

template <class T>
class Atomic {
 public:
  constexpr Atomic() = default;
  constexpr explicit Atomic(T v) : v_(v) {}
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load_relaxed() const { return __atomic_load_n(&v_, __ATOMIC_RELAXED); }
  T load_acquire() const { return __atomic_load_n(&v_, __ATOMIC_ACQUIRE); }
  T load_seq() const { return __atomic_load_n(&v_, __ATOMIC_SEQ_CST); }
  void store_relaxed(T v) { __atomic_store_n(&v_, v, __ATOMIC_RELAXED); }
  void store_release(T v) { __atomic_store_n(&v_, v, __ATOMIC_RELEASE); }
  void store_seq(T v) { __atomic_store_n(&v_, v, __ATOMIC_SEQ_CST); }
  T exchange(T v) { return __atomic_exchange_n(&v_, v, __ATOMIC_SEQ_CST); }
  bool compare_exchange(T& expected, T v) {
    return __atomic_compare_exchange_n(&v_, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);
  }
  T fetch_add(T n) { return __atomic_fetch_add(&v_, n, __ATOMIC_SEQ_CST); }
  T fetch_sub(T n) { return __atomic_fetch_sub(&v_, n, __ATOMIC_SEQ_CST); }
  T fetch_and(T n) { return __atomic_fetch_and(&v_, n, __ATOMIC_SEQ_CST); }
  T fetch_or(T n) { return __atomic_fetch_or(&v_, n, __ATOMIC_SEQ_CST); }
  T* raw() { return &v_; }

 private:
  T v_{};
};

}  // namespace gamelan
