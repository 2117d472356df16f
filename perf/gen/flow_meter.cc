#include "perf/gen/flow_meter.h"

#include <algorithm>
#include <cmath>

namespace causeway::gen {

void Histogram::Clear() {
  std::fill(counts_.begin(), counts_.end(), 0);
  total_ = sum_ = max_ = 0;
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

double Histogram::Mean() const {
  return total_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(total_);
}

uint64_t Histogram::UpperEnd(unsigned index) {
  const unsigned octave = index >> kSubBits;
  if (octave < 2) return index;
  const unsigned shift = octave - 1;
  const uint64_t mantissa = index - (uint64_t{shift} << kSubBits);
  return ((mantissa + 1) << shift) - 1;
}

uint64_t Histogram::ValueAt(double quantile) const {
  if (total_ == 0) return 0;
  const double wanted = std::ceil(quantile * static_cast<double>(total_));
  const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, total_);
  uint64_t below = 0;
  for (unsigned i = 0; i < counts_.size(); ++i) {
    below += counts_[i];
    if (below >= rank) return std::min(UpperEnd(i), max_);
  }
  return max_;
}

void FlowMeter::Begin(uint16_t phase) {
  std::fill(flows_.begin(), flows_.end(), Flow{});
  counts_ = {};
  latency_.Clear();
  phase_ = phase;
}

}  // namespace causeway::gen
