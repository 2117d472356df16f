#include "dataplane/route_table.h"

#include <algorithm>
#include <bit>

#include "dataplane/byte_order.h"

namespace causeway {
namespace {

constexpr unsigned kAllBits = 128;
// Where IPv4 lies in its mapped form.
const Prefix& AllOfV4() {
  static const Prefix prefix = {IpAddress::V4(0), 96};
  return prefix;
}

}  // namespace

RouteTable::Bits RouteTable::BitsOf(const IpAddress& address) {
  return {LoadBe64(address.bytes()), LoadBe64(address.bytes() + 8)};
}

unsigned RouteTable::CommonLength(const Bits& a, const Bits& b) {
  const uint64_t high = a.high ^ b.high;
  if (high != 0) return static_cast<unsigned>(std::countl_zero(high));
  return 64 + static_cast<unsigned>(std::countl_zero(a.low ^ b.low));
}

bool RouteTable::BitAt(const Bits& bits, unsigned position) {
  return position < 64 ? (bits.high >> (63 - position) & 1) != 0
                       : (bits.low >> (127 - position) & 1) != 0;
}

RouteTable::RouteTable() {
  // An IPv6 default route must not catch IPv4.
  Set(AllOfV4(), kNoRoute);
}

RouteTable::RouteTable(const std::vector<Route>& routes) : RouteTable() {
  for (const Route& route : routes) Set(route.prefix, route.next_hop);
}

RouteTable::RouteTable(const RouteTable& other) : root_(other.root_) {
  if (root_ != nullptr) ++root_->references;
}

RouteTable::~RouteTable() { Release(root_); }

void RouteTable::Release(Node* node) {
  if (node == nullptr || --node->references > 0) return;
  for (Node* child : node->children) Release(child);
  delete node;
}

// What stands in for a node that is about to change: itself, unless another version has it too.
RouteTable::Node* RouteTable::Owned(Node* node) {
  if (node->references == 1) return node;
  Node* copy = new Node(*node);
  copy->references = 1;
  for (Node* child : copy->children) {
    if (child != nullptr) ++child->references;
  }
  --node->references;
  return copy;
}

const RouteTable::Node* RouteTable::LookUpExactly(const Bits& bits, unsigned length) const {
  const Node* node = root_;
  while (node != nullptr && node->length < length &&
         CommonLength(node->bits, bits) >= node->length) {
    node = node->children[BitAt(bits, node->length)];
  }
  const bool found = node != nullptr && node->has_route && node->length == length &&
                     CommonLength(node->bits, bits) >= length;
  return found ? node : nullptr;
}

void RouteTable::Set(const Prefix& prefix, NextHopId next_hop) {
  const Bits bits = BitsOf(prefix.address);
  const unsigned length = prefix.length;
  const Node* there = LookUpExactly(bits, length);
  if (there != nullptr && there->next_hop == next_hop) return;
  Node* const leaf = new Node{bits, {}, 1, next_hop, prefix.length, true};
  Node** at = &root_;
  unsigned common = 0;
  while (*at != nullptr) {
    common = std::min({CommonLength((*at)->bits, bits), unsigned{(*at)->length}, length});
    if (common < (*at)->length || common == length) break;
    *at = Owned(*at);
    at = &(*at)->children[BitAt(bits, common)];
  }
  if (*at == nullptr) {
    *at = leaf;
  } else if (common == length && common == (*at)->length) {
    delete leaf;
    *at = Owned(*at);
    (*at)->next_hop = next_hop;
    (*at)->has_route = true;
  } else if (common == length) {
    leaf->children[BitAt((*at)->bits, length)] = *at;
    *at = leaf;
  } else {
    Node* fork = new Node{bits, {}, 1, kNoRoute, static_cast<uint8_t>(common), false};
    fork->children[BitAt((*at)->bits, common)] = *at;
    fork->children[BitAt(bits, common)] = leaf;
    *at = fork;
  }
}

void RouteTable::Erase(const Prefix& prefix) {
  if (prefix == AllOfV4()) return Set(prefix, kNoRoute);
  const Bits bits = BitsOf(prefix.address);
  if (LookUpExactly(bits, prefix.length) == nullptr) return;
  Node** parent = nullptr;
  Node** at = &root_;
  while (*at = Owned(*at), (*at)->length < prefix.length) {
    parent = at;
    at = &(*at)->children[BitAt(bits, (*at)->length)];
  }
  (*at)->has_route = false;
  const auto drop_if_needless = [](Node** place) {
    Node* node = *place;
    if (node->has_route || (node->children[0] != nullptr && node->children[1] != nullptr)) return;
    *place = node->children[0] != nullptr ? node->children[0] : node->children[1];
    delete node;
  };
  drop_if_needless(at);
  if (parent != nullptr) drop_if_needless(parent);
}

NextHopId RouteTable::LookUp(const IpAddress& destination) const {
  const Bits bits = BitsOf(destination);
  NextHopId best = kNoRoute;
  for (const Node* node = root_;
       node != nullptr && CommonLength(node->bits, bits) >= node->length;) {
    if (node->has_route) best = node->next_hop;
    if (node->length == kAllBits) break;
    node = node->children[BitAt(bits, node->length)];
  }
  return best;
}

}  // namespace causeway
