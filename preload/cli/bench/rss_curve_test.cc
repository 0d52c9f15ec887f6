#include "preload/cli/bench/rss_curve.h"

#include <criterion/criterion.h>

using namespace gamelan::cli::bench;

Test(rss_curve, stays_bounded_and_keeps_the_peak) {
  RssCurve curve;
  double now = 0;
  for (int i = 0; i < 100000; ++i, now += curve.step()) curve.add(now, i == 777 ? 1000000 : 5);
  cr_assert(curve.samples().size() >= RssCurve::kMost / 2 && curve.samples().size() <= RssCurve::kMost);
  cr_assert_eq(curve.peak(), 1000000);
}

Test(rss_curve, samples_stay_in_order_and_evenly_apart) {
  RssCurve curve;
  double now = 0;
  for (int i = 0; i < 1000; ++i, now += curve.step()) curve.add(now, 1);
  const auto& samples = curve.samples();
  cr_assert_eq(samples[0].seconds, 0);
  for (size_t i = 1; i < samples.size(); ++i) {
    const double apart = samples[i].seconds - samples[i - 1].seconds;
    cr_assert(apart > 0.9 * curve.step() && apart < 1.1 * curve.step(), "%g apart, step %g", apart, curve.step());
  }
}
