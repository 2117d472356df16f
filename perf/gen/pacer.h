// Even pace.
#pragma once

#include <algorithm>
#include <cstdint>

namespace causeway::gen {

/// How many of something are due at a rate. What is not taken in time is forgotten beyond a debt of
/// a millisecond, or of `least_debt` if that is more: a stall shows as a lower rate, not as a
/// burst.
class Pacer {
 public:
  Pacer() = default;
  Pacer(double per_second, double least_debt, uint64_t tsc_hz, uint64_t now)
      : per_cycle_(per_second / static_cast<double>(tsc_hz)),
        most_debt_(std::max(least_debt, per_second * kDebtSeconds)),
        counted_(now) {}

  /// Due at `now`, before any Take.
  double Due(uint64_t now) {
    debt_ = std::min(most_debt_, debt_ + static_cast<double>(now - counted_) * per_cycle_);
    counted_ = now;
    return debt_;
  }
  void Take(unsigned count) { debt_ -= count; }

 private:
  static constexpr double kDebtSeconds = 0.001;

  double per_cycle_ = 0;
  double most_debt_ = 0;
  double debt_ = 0;
  uint64_t counted_ = 0;
};

}  // namespace causeway::gen
