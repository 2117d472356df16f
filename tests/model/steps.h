// Random runs: a seed draws steps, a run takes them one by one, and a run that fails is shortened.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

namespace causeway::model {

/// One step. It draws its own details from `seed`, and what they mean depends on the state that
/// they meet: a run from which steps were taken away is a run too.
struct Step {
  uint32_t kind;
  uint32_t seed;
};

/// The source of one step's details.
class Draw {
 public:
  explicit Draw(uint32_t seed) : random_(seed) { random_.discard(1); }
  /// A number below `limit`, which is not 0.
  uint32_t Below(uint32_t limit) { return static_cast<uint32_t>(random_()) % limit; }
  bool OneIn(uint32_t n) { return Below(n) == 0; }
  template <typename List>
  const auto& Of(const List& list) {
    return list[Below(static_cast<uint32_t>(std::size(list)))];
  }

 private:
  std::minstd_rand random_;
};

/// What a run came to.
struct Result {
  std::string failure;           // where product and model differ first; empty: nowhere
  std::vector<std::string> log;  // what each step did
  uint64_t relayed = 0;          // packets that the model says leave
};
/// Runs a fresh product and a fresh model through the steps, up to the first difference.
using Run = std::function<Result(const std::vector<Step>&)>;

/// Runs seeds 1, 2, 3... of `steps` steps each for CAUSEWAY_MODEL_SECONDS (unset: 3), or the one
/// seed that CAUSEWAY_MODEL_SEED names. A run that differs fails the test, which prints the seed
/// and the steps of the shortest run found that still fails. EXPECT failures within a run count
/// too.
void RunSeeds(size_t steps, const Run& run);

}  // namespace causeway::model
