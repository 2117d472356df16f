// The kernel's routes, kept up to date notice by notice.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "control/next_hop/rtnetlink.h"
#include "dataplane/address.h"

namespace causeway::next_hop {

/// The routes of the main and local tables by prefix, those of one prefix in the kernel's order.
/// One thread at a time.
class RouteSet {
 public:
  using Map = absl::flat_hash_map<Prefix, std::vector<RouteMessage>>;

  /// What is left to do after a notice.
  enum class Outcome {
    kClear,    // the set is as the kernel's
    kUnclear,  // the notice does not fit what is here: dump the routes anew
  };

  /// Takes in a notice: the kernel says what came or went, and how (NLM_F_REPLACE, NLM_F_APPEND).
  Outcome Apply(const RouteMessage& notice);
  /// Takes in a dump instead of all that is here. Returns the prefixes whose routes differ.
  std::vector<Prefix> Replace(std::vector<RouteMessage> dumped);

  /// Empty when the prefix has none.
  absl::Span<const RouteMessage> At(const Prefix& prefix) const;
  const Map& all() const { return routes_; }

 private:
  Outcome Add(std::vector<RouteMessage>& here, const RouteMessage& notice);
  Outcome Remove(std::vector<RouteMessage>& here, const RouteMessage& notice);

  Map routes_;
};

}  // namespace causeway::next_hop
