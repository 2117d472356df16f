#include "tests/model/steps.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <sstream>

namespace causeway::model {
namespace {

using Clock = std::chrono::steady_clock;
using Steps = std::vector<Step>;

constexpr std::chrono::seconds kMostShortening{20};

uint32_t FromEnvironment(const char* name, uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<uint32_t>(std::strtoul(text, nullptr, 10));
}

Steps StepsOf(uint32_t seed, size_t count) {
  std::mt19937 random(seed);
  Steps steps(count);
  for (Step& step : steps) {
    step.kind = static_cast<uint32_t>(random());
    step.seed = static_cast<uint32_t>(random());
  }
  return steps;
}

Result Try(const Run& run, const Steps& steps) {
  ::testing::TestPartResultArray reported;
  Result result;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &reported);
    result = run(steps);
  }
  if (result.failure.empty() && reported.size() > 0) {
    result.failure = reported.GetTestPartResult(0).message();
  }
  return result;
}

Steps Without(const Steps& steps, size_t from, size_t count) {
  Steps rest(steps.begin(), steps.begin() + static_cast<long>(from));
  rest.insert(rest.end(), steps.begin() + static_cast<long>(std::min(from + count, steps.size())),
              steps.end());
  return rest;
}

// Takes away ever smaller pieces for as long as what is left fails.
Steps Shorten(const Run& run, Steps steps) {
  const auto deadline = Clock::now() + kMostShortening;
  for (size_t piece = steps.size() / 2; piece > 0; piece /= 2) {
    for (size_t at = 0; at < steps.size() && Clock::now() < deadline;) {
      Steps shorter = Without(steps, at, piece);
      if (Try(run, shorter).failure.empty()) {
        at += piece;
      } else {
        steps = std::move(shorter);
      }
    }
  }
  return steps;
}

void Report(const Run& run, uint32_t seed, const Steps& steps) {
  const Steps shortest = Shorten(run, steps);
  const Result result = Try(run, shortest);
  std::ostringstream text;
  text << "CAUSEWAY_MODEL_SEED=" << seed << " fails; of its " << steps.size() << " steps these "
       << shortest.size() << " still do:\n";
  for (const std::string& line : result.log) text << "  " << line << "\n";
  ADD_FAILURE() << text.str() << result.failure;
}

}  // namespace

void RunSeeds(size_t steps, const Run& run) {
  const uint32_t only = FromEnvironment("CAUSEWAY_MODEL_SEED", 0);
  const std::chrono::seconds budget(FromEnvironment("CAUSEWAY_MODEL_SECONDS", 3));
  const auto deadline = Clock::now() + budget;
  uint32_t seed = only == 0 ? 1 : only;
  uint64_t relayed = 0;
  uint32_t runs = 0;
  do {
    const Steps drawn = StepsOf(seed, steps);
    const Result result = Try(run, drawn);
    ++runs;
    relayed += result.relayed;
    if (!result.failure.empty()) return Report(run, seed, drawn);
    ++seed;
  } while (only == 0 && Clock::now() < deadline);
  EXPECT_GE(relayed, runs * steps / 10) << "the steps reach too little";
  std::printf("%u seeds of %zu steps, from seed %u; %llu packets relayed\n", runs, steps,
              seed - runs, static_cast<unsigned long long>(relayed));
}

}  // namespace causeway::model
