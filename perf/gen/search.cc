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
  const bool more = sent_pps > best_ * (1 + config_.resolution);
  if (passed) best_ = std::max(best_, sent_pps);
  const bool at_limit = passed && !full && !more;
  if (!failed_once_ && (at_limit || (!passed && high_ == 0))) {
    failed_once_ = true;
    return passed;
  }
  failed_once_ = false;
  if (at_limit) {
    done_ = true;
    return true;
  }
  (passed ? low_ : high_) = next_;
  Choose();
  return passed;
}

void RateSearch::Choose() {
  const bool narrow = high_ > 0 && high_ <= low_ * (1 + config_.resolution);
  if (low_ == 0 || low_ >= config_.max_pps || narrow) {
    done_ = true;
  } else if (high_ == 0) {
    next_ = std::min(low_ * kStep, config_.max_pps);
  } else {
    next_ = std::sqrt(low_ * high_);
  }
}

}  // namespace causeway::gen
