// How often routes are published.
#pragma once

#include <algorithm>
#include <chrono>

namespace causeway::next_hop {

/// Lets the first change through at once and gathers those that follow: publications begin at least
/// kEvery apart, and rest for kRest times as long as the last one took. Each makes the shards look
/// up the routes of what they relay anew.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kEvery{100};
  static constexpr int kRest = 4;

  /// When the next publication may begin.
  Clock::time_point next() const { return next_; }
  void Published(Clock::time_point began, Clock::time_point ended) {
    next_ = std::max(began + kEvery, ended + kRest * (ended - began));
  }

 private:
  Clock::time_point next_ = {};
};

}  // namespace causeway::next_hop
