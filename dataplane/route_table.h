// Where packets go: a map from destination to next hop, built by control, read by shards.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/address.h"
#include "dataplane/commands.h"

namespace causeway {

/// No route, or an address that no peer may have (such as our own).
inline constexpr NextHopId kNoRoute = 0;
/// On-link, link address not asked for yet: raise OnUnresolved and hold the packet.
inline constexpr NextHopId kOnLink = 1;
/// One of this node's relay addresses: hairpin (RFC 8656 section 2.5 note on two clients of one
/// server).
inline constexpr NextHopId kHairpin = 2;
/// Entries of the shard's next-hop table from here on are neighbours.
inline constexpr NextHopId kFirstNeighbour = 8;
/// Size of the shard's next-hop table.
inline constexpr NextHopId kMaxNextHops = 8192;

/// A binary trie without one-way branches, whose versions share what is the same in them. A copy
/// costs nothing, and a change after it makes anew only the way to the changed prefix:
///
///      before            copy, then Set(c, 9)
///        a                 a       a'
///       / \               / \     / \          b is in both versions
///      b   c             b   c   b   c'
///
/// One thread copies, changes and destroys all the versions of a table. A version that is changed
/// no more may be read by any thread until it is destroyed.
class RouteTable {
 public:
  struct Route {
    Prefix prefix;
    NextHopId next_hop;
  };

  RouteTable();
  /// Of two routes for the same prefix, the later one wins.
  explicit RouteTable(const std::vector<Route>& routes);
  RouteTable(const RouteTable& other);
  RouteTable(RouteTable&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
  RouteTable& operator=(RouteTable other) noexcept {
    std::swap(root_, other.root_);
    return *this;
  }
  ~RouteTable();

  void Set(const Prefix& prefix, NextHopId next_hop);
  /// A prefix that has no route is fine.
  void Erase(const Prefix& prefix);

  /// The next hop of the longest matching prefix, or kNoRoute.
  NextHopId LookUp(const IpAddress& destination) const;
  /// Neither has been changed since one was copied from the other.
  bool IsSameVersion(const RouteTable& other) const { return root_ == other.root_; }

 private:
  // The bits of an address as two numbers.
  struct Bits {
    uint64_t high;
    uint64_t low;
  };
  struct Node {
    Bits bits;
    Node* children[2];
    uint32_t references;  // of parents and tables; the only field that changes once it is above 1
    NextHopId next_hop;
    uint8_t length;
    bool has_route;  // else the node is but a fork
  };

  static Bits BitsOf(const IpAddress& address);
  static unsigned CommonLength(const Bits& a, const Bits& b);
  static bool BitAt(const Bits& bits, unsigned position);
  static void Release(Node* node);
  static Node* Owned(Node* node);
  const Node* LookUpExactly(const Bits& bits, unsigned length) const;

  Node* root_ = nullptr;
};

}  // namespace causeway
