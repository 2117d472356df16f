#include "control/access/peer_ranges.h"

#include <algorithm>
#include <array>

namespace causeway::access {
namespace {

// Where an entry begins to hold (+1), or where it has ended (-1).
struct Edge {
  IpAddress at;
  PeerRule rule;
  int change;
};

std::vector<Edge> EdgesOf(absl::Span<const PeerRanges::Entry> entries) {
  std::vector<Edge> edges;
  edges.reserve(2 * entries.size());
  for (const auto& [prefix, rule] : entries) {
    edges.push_back({prefix.First(), rule, +1});
    const IpAddress after = Advance(prefix.Last(), 1);  // :: after the last address of all
    if (after != IpAddress()) edges.push_back({after, rule, -1});
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  return edges;
}

// How many entries of each rule cover the place that a sweep has reached.
class Cover {
 public:
  void Pass(const Edge& edge) { counts_[static_cast<size_t>(edge.rule)] += edge.change; }
  PeerRule Greatest() const {
    size_t rule = kPeerRules - 1;
    while (rule > 0 && counts_[rule] == 0) --rule;
    return static_cast<PeerRule>(rule);
  }

 private:
  std::array<int, kPeerRules> counts_ = {};
};

}  // namespace

// A sweep over the edges of all entries, from the lowest address to the highest:
//
//   deny                   [---]
//   allow          [-------------------]        [----]
//   special     [---------]
//               ^  ^       ^   ^        ^       ^     ^
//   ranges      S  allow   deny allow   none    allow none
PeerRanges::PeerRanges(absl::Span<const Entry> entries) {
  const std::vector<Edge> edges = EdgesOf(entries);
  Cover cover;
  PeerRule last = PeerRule::kNone;
  for (size_t i = 0; i < edges.size(); ++i) {
    cover.Pass(edges[i]);
    if (i + 1 < edges.size() && edges[i + 1].at == edges[i].at) continue;
    const PeerRule now = cover.Greatest();
    if (now != last) ranges_.push_back({edges[i].at, now});
    last = now;
  }
  ranges_.shrink_to_fit();
}

PeerRule PeerRanges::LookUp(const IpAddress& address) const {
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), address,
                       [](const IpAddress& a, const Range& range) { return a < range.first; });
  return after == ranges_.begin() ? PeerRule::kNone : std::prev(after)->rule;
}

}  // namespace causeway::access
