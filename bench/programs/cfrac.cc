// cfrac WORK: numbers of any length, each a small block of its own that lives for a few operations.
//
// After     the allocation behaviour of cfrac (Barrett, 1989), a classic since Grunwald and Zorn (1993): it factors by
//           continued fractions; here their convergents are computed, of the square roots of consecutive numbers.
// Shows     the highest rate of the smallest blocks, freed almost in the order of a stack, with counts of references.
// Work      square roots, 30 convergents each.
#include <math.h>

#include "kit.h"

using namespace bench;

namespace {

constexpr int kConvergents = 30;

// Digits of 32 bits, the lowest first.
struct Number {
  uint32_t references, length;
  uint32_t digit[];

  static Number* make(uint32_t length) {
    Number* number = static_cast<Number*>(malloc(sizeof(Number) + length * sizeof(uint32_t)));
    number->references = 1;
    number->length = length;
    return number;
  }

  static Number* of(uint32_t value) {
    Number* number = make(1);
    number->digit[0] = value;
    return number;
  }

  Number* share() {
    ++references;
    return this;
  }

  void drop() {
    if (--references == 0) free(this);
  }

  uint32_t at(uint32_t i) const { return i < length ? digit[i] : 0; }
};

// The same value in as few digits as it takes.
Number* trimmed(Number* number) {
  uint32_t length = number->length;
  while (length > 1 && number->digit[length - 1] == 0) --length;
  if (length == number->length) return number;
  Number* shorter = Number::make(length);
  memcpy(shorter->digit, number->digit, length * sizeof(uint32_t));
  number->drop();
  return shorter;
}

Number* sum_of(const Number* a, const Number* b) {
  const uint32_t length = (a->length > b->length ? a->length : b->length) + 1;
  Number* sum = Number::make(length);
  uint64_t carry = 0;
  for (uint32_t i = 0; i < length; ++i) {
    carry += uint64_t{a->at(i)} + b->at(i);
    sum->digit[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  return trimmed(sum);
}

Number* product_of(const Number* a, uint32_t factor) {
  Number* product = Number::make(a->length + 1);
  uint64_t carry = 0;
  for (uint32_t i = 0; i <= a->length; ++i) {
    carry += uint64_t{a->at(i)} * factor;
    product->digit[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  return trimmed(product);
}

// next = term x last + before_last, after which last becomes before_last.
void advance(Number*& last, Number*& before_last, uint32_t term) {
  Number* product = product_of(last, term);
  Number* next = sum_of(product, before_last);
  product->drop();
  before_last->drop();
  before_last = last->share();
  last->drop();
  last = next;
}

uint64_t convergents(uint64_t square) {
  const uint64_t root = static_cast<uint64_t>(sqrt(static_cast<double>(square)));
  if (root * root == square) return root;
  Number *p = Number::of(static_cast<uint32_t>(root)), *p_before = Number::of(1);
  Number *q = Number::of(1), *q_before = Number::of(0);
  uint64_t m = 0, d = 1, term = root;
  for (int i = 0; i < kConvergents; ++i) {
    m = d * term - m;
    d = (square - m * m) / d;
    term = (root + m) / d;
    advance(p, p_before, static_cast<uint32_t>(term));
    advance(q, q_before, static_cast<uint32_t>(term));
  }
  const uint64_t sum = p->digit[0] ^ (uint64_t{q->digit[0]} << 32);
  for (Number* number : {p, p_before, q, q_before}) number->drop();
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t sum = 0;
  for (uint64_t i = argument(argc, argv, 1, 10'000); i > 0; --i) sum = sum * 31 + convergents(1'000'000 + i);
  return finish(sum);
}
