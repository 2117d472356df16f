#include "perf/gen/search.h"

#include <algorithm>
#include <cmath>

namespace causeway::gen {
namespace {

constexpr double kStep = 4;
constexpr double kSentInFull = 0.98;  // of the offered rate

}  // namespace

bool RateSearch::Record(double sent_pps, double loss) {
  const bool passed = loss <= config_.loss_bound && sent_pps > 0;
  const bool full = sent_pps >= kSentInFull * next_;
  if (!failed_once_ && (passed ? !full : high_ == 0)) {
    failed_once_ = true;
    if (passed) best_ = std::max(best_, sent_pps);
    return passed;
  }
  failed_once_ = false;
  if (passed) {
    best_ = std::max(best_, sent_pps);
    if (full) {
      low_ = std::max(low_, next_);
    } else {
      low_ = std::max(low_, sent_pps);
      high_ = next_;
    }
  } else {
    high_ = next_;
  }
  Choose();
  return passed;
}

void RateSearch::Choose() {
  if (low_ == 0 || low_ >= config_.max_pps) {
    done_ = true;
  } else if (high_ == 0) {
    next_ = std::min(low_ * kStep, config_.max_pps);
  } else if (high_ <= low_ * (1 + config_.resolution)) {
    done_ = true;
  } else {
    next_ = std::sqrt(low_ * high_);
  }
}

}  // namespace causeway::gen
