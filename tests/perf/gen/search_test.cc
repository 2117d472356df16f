#include "perf/gen/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

namespace causeway::gen {
namespace {

constexpr RateSearch::Config kConfig = {1000, 3e6, 0.001, 0.02};

struct Outcome {
  double best;
  std::vector<double> tried;
};

/// A search over a link that loses what is above `capacity`, by a generator that sends what
/// `can_send` makes of the rate it is asked for.
Outcome Search(double capacity, const std::function<double(double)>& can_send) {
  RateSearch search(kConfig);
  Outcome out;
  while (!search.done() && out.tried.size() < 100) {
    const double sent = can_send(search.next());
    out.tried.push_back(search.next());
    search.Record(sent, sent > capacity ? 1 - capacity / sent : 0);
  }
  out.best = search.best();
  return out;
}

TEST(RateSearch, FindsTheHighestRateWithinTheResolution) {
  const Outcome out = Search(400'000, [](double rate) { return rate; });
  EXPECT_GE(out.best, 400'000 / 1.02);
  EXPECT_LE(out.best, 400'400);
  EXPECT_LT(out.tried.size(), 20u);
}

TEST(RateSearch, EndsAtTheGeneratorsLimit) {
  const Outcome out = Search(1e9, [](double rate) { return std::min(rate, 250'000.0); });
  EXPECT_EQ(out.best, 250'000);
  EXPECT_LT(out.tried.size(), 12u);
}

TEST(RateSearch, OneTimeThatTheGeneratorFallsShortDoesNotEndIt) {
  int trial = 0;
  const Outcome out =
      Search(400'000, [&trial](double rate) { return ++trial == 4 ? rate * 0.9 : rate; });
  EXPECT_GE(out.best, 400'000 / 1.02);
}

TEST(RateSearch, AlwaysALittleShortIsNoLimit) {
  const Outcome out = Search(400'000, [](double rate) { return rate * 0.95; });
  EXPECT_GE(out.best, 400'000 * 0.95 / 1.02);
}

TEST(RateSearch, OneFailureOnTheWayUpIsTriedAgain) {
  RateSearch search(kConfig);
  EXPECT_TRUE(search.Record(1000, 0));
  const double rate = search.next();
  EXPECT_FALSE(search.Record(rate, 0.5));
  EXPECT_EQ(search.next(), rate);
  EXPECT_TRUE(search.Record(rate, 0));
  EXPECT_GT(search.next(), rate);
}

TEST(RateSearch, NothingPassed) {
  RateSearch search(kConfig);
  search.Record(1000, 1);
  search.Record(1000, 1);
  EXPECT_TRUE(search.done());
  EXPECT_EQ(search.best(), 0);
}

TEST(RateSearch, ATrialThatSentNothingDoesNotPass) {
  RateSearch search(kConfig);
  EXPECT_FALSE(search.Record(0, 0));
}

}  // namespace
}  // namespace causeway::gen
