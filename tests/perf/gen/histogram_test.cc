#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "perf/gen/flow_meter.h"

namespace causeway::gen {
namespace {

TEST(Histogram, EmptySaysZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.total(), 0u);
  EXPECT_EQ(histogram.ValueAt(0.5), 0u);
  EXPECT_EQ(histogram.Mean(), 0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (uint64_t value = 0; value < 512; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.ValueAt(0), 0u);
  EXPECT_EQ(histogram.ValueAt(0.5), 255u);
  EXPECT_EQ(histogram.ValueAt(1), 511u);
  EXPECT_DOUBLE_EQ(histogram.Mean(), 255.5);
}

TEST(Histogram, OneValueIsEveryQuantile) {
  Histogram histogram;
  histogram.Record(123'456'789);
  for (const double quantile : {0.0, 0.5, 0.999, 1.0}) {
    EXPECT_EQ(histogram.ValueAt(quantile), 123'456'789u);
  }
  EXPECT_EQ(histogram.max(), 123'456'789u);
}

TEST(Histogram, EveryMagnitudeIsWithinHalfAPercent) {
  for (unsigned bits = 9; bits < Histogram::kMaxBits; ++bits) {
    for (const uint64_t value : {uint64_t{1} << bits, (uint64_t{1} << bits) + 1,
                                 (uint64_t{3} << (bits - 1)) - 1, (uint64_t{2} << bits) - 1}) {
      Histogram histogram;
      histogram.Record(value);
      histogram.Record(~uint64_t{0});  // so that the largest does not cap the bucket's end
      const uint64_t found = histogram.ValueAt(0.5);
      EXPECT_GE(found, value);
      EXPECT_LE(static_cast<double>(found), static_cast<double>(value) * (1 + 1.0 / 256));
    }
  }
}

TEST(Histogram, QuantilesAreThoseOfTheSortedValues) {
  std::mt19937_64 random(7);
  std::vector<uint64_t> values(10'001);
  Histogram histogram;
  for (uint64_t& value : values) {
    value = random() >> (20 + random() % 40);
    histogram.Record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto rank = static_cast<size_t>(std::ceil(quantile * 10'001)) - 1;
    const auto exact = static_cast<double>(values[rank]);
    const auto found = static_cast<double>(histogram.ValueAt(quantile));
    EXPECT_GE(found, exact);
    EXPECT_LE(found, exact * (1 + 1.0 / 256));
  }
}

TEST(Histogram, TooLargeCountsAsTheLargestButItsMaximumIsKept) {
  Histogram histogram;
  histogram.Record(~uint64_t{0} >> 1);
  EXPECT_EQ(histogram.total(), 1u);
  EXPECT_EQ(histogram.ValueAt(1), (uint64_t{1} << Histogram::kMaxBits) - 1);
  EXPECT_EQ(histogram.max(), ~uint64_t{0} >> 1);
}

TEST(Histogram, AddsAndClears) {
  Histogram a;
  Histogram b;
  a.Record(10);
  b.Record(1000);
  b.Record(20);
  a.Add(b);
  EXPECT_EQ(a.total(), 3u);
  EXPECT_EQ(a.max(), 1000u);
  EXPECT_EQ(a.ValueAt(0.5), 20u);
  a.Clear();
  EXPECT_EQ(a.total(), 0u);
  EXPECT_EQ(a.max(), 0u);
  EXPECT_EQ(a.ValueAt(0.9), 0u);
}

}  // namespace
}  // namespace causeway::gen
