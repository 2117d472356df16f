// The highest rate at which loss stays within a bound (after RFC 2544 section 26.1).
#pragma once

namespace causeway::gen {

/// Chooses the rate of each trial: up in steps of four until one fails twice (once may be chance),
/// then by halving the ratio between what passed and what failed. No I/O.
class RateSearch {
 public:
  struct Config {
    double min_pps;
    double max_pps;
    double loss_bound;  // a fraction
    double resolution;  // a fraction, above 0: it ends when the bounds are this close
  };

  explicit RateSearch(const Config& config) : config_(config), next_(config.min_pps) {}

  bool done() const { return done_; }
  /// The rate to try now; not done.
  double next() const { return next_; }
  /// What the trial of next() gave: the rate that was really sent, and the lost fraction of it.
  /// Returns whether it passed. Where loss is within the bound but twice the generator could not
  /// send what was offered, nor more than it has sent before, its own limit is found, and higher
  /// rates are not tried.
  bool Record(double sent_pps, double loss);
  /// The highest rate sent in a trial that passed; 0 if none did.
  double best() const { return best_; }

 private:
  void Choose();

  Config config_;
  double next_;
  double best_ = 0;
  double low_ = 0;   // offered, passed
  double high_ = 0;  // offered, failed; 0: none yet
  bool failed_once_ = false;
  bool done_ = false;
};

}  // namespace causeway::gen
