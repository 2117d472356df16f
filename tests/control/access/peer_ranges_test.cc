// Compiled rules against the rules themselves.
#include "control/access/peer_ranges.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "control/access/peer_policies.h"

namespace causeway::access {
namespace {

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }
Prefix Block(const char* text) { return Prefix::Parse(text).value(); }

IpAddress Before(const IpAddress& address) {
  uint8_t bytes[16];
  std::memcpy(bytes, address.bytes(), 16);
  for (int i = 15; i >= 0 && bytes[i]-- == 0; --i) {
  }
  return IpAddress::FromV6Bytes(bytes);
}

/// Few distinct addresses and many lengths, so that blocks lie in each other and side by side.
class Random {
 public:
  explicit Random(uint32_t seed) : generator_(seed) {}

  uint32_t Below(uint32_t bound) { return generator_() % bound; }
  IpAddress Address() {
    constexpr const char* kBases[] = {"::",         "10.0.0.0",       "9.255.255.0", "2001:db8::",
                                      "2002:a00::", "64:ff9b::a00:0", "2606:4700::", "ffff:ff00::"};
    uint8_t bytes[16];
    std::memcpy(bytes, Ip(kBases[Below(std::size(kBases))]).bytes(), 16);
    for (int i = 0; i < 3; ++i) bytes[13 + i] ^= Below(4) << (2 * Below(4));
    if (Below(4) == 0) std::fill(bytes + 4, bytes + 10, bytes[4] | (Below(2) ? 0xff : 0));
    return IpAddress::FromV6Bytes(bytes);
  }
  Prefix Block() {
    const auto length = static_cast<uint8_t>(Below(3) == 0 ? Below(129) : 100 + Below(29));
    const IpAddress address = Address();
    uint8_t bytes[16];
    for (int i = 0; i < 16; ++i) {
      const int kept = std::clamp(length - 8 * i, 0, 8);
      bytes[i] = address.bytes()[i] & (0xff00 >> kept);
    }
    return {IpAddress::FromV6Bytes(bytes), length};
  }
  std::vector<Prefix> Blocks(uint32_t most) {
    std::vector<Prefix> blocks(Below(most + 1));
    for (Prefix& block : blocks) block = Block();
    return blocks;
  }
  std::vector<IpAddress> Addresses(uint32_t most) {
    std::vector<IpAddress> addresses(Below(most + 1));
    for (IpAddress& address : addresses) address = Address();
    return addresses;
  }

 private:
  std::mt19937 generator_;
};

/// The addresses where a rule's verdict may change, and some more.
std::vector<IpAddress> Interesting(Random& random, const std::vector<Prefix>& blocks) {
  std::vector<IpAddress> found;
  for (const Prefix& block : blocks) {
    found.insert(found.end(),
                 {block.First(), block.Last(), Before(block.First()), Advance(block.Last(), 1)});
  }
  for (int i = 0; i < 50; ++i) found.push_back(random.Address());
  return found;
}

PeerRule NaiveRule(const std::vector<PeerRanges::Entry>& entries, const IpAddress& address) {
  PeerRule greatest = PeerRule::kNone;
  for (const auto& [prefix, rule] : entries) {
    if (prefix.Contains(address)) greatest = std::max(greatest, rule);
  }
  return greatest;
}

TEST(PeerRanges, HaveNoRuleAnywhereWithoutEntries) {
  const PeerRanges ranges;
  EXPECT_TRUE(ranges.empty());
  EXPECT_EQ(ranges.LookUp(Ip("::")), PeerRule::kNone);
  EXPECT_EQ(ranges.LookUp(Ip("1.2.3.4")), PeerRule::kNone);
}

TEST(PeerRanges, ReachFromTheFirstAddressToTheLast) {
  const PeerRanges all({{Block("::/0"), PeerRule::kDeny}});
  EXPECT_EQ(all.size(), 1u);
  for (const char* address : {"::", "1.2.3.4", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    EXPECT_EQ(all.LookUp(Ip(address)), PeerRule::kDeny) << address;
  }
  const PeerRanges top({{Block("ff00::/8"), PeerRule::kAllow}});
  EXPECT_EQ(top.LookUp(Ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), PeerRule::kAllow);
  EXPECT_EQ(top.LookUp(Ip("feff:ffff::")), PeerRule::kNone);
}

TEST(PeerRanges, JoinNeighboursOfOneRule) {
  const PeerRanges ranges({{Block("10.0.0.0/25"), PeerRule::kDeny},
                           {Block("10.0.0.128/25"), PeerRule::kDeny},
                           {Block("10.0.0.7"), PeerRule::kAllow},
                           {Block("10.0.0.0/24"), PeerRule::kDeny}});
  EXPECT_EQ(ranges.size(), 2u) << "one that is denied, and the rest";
}

class RandomRules : public testing::TestWithParam<uint32_t> {};

TEST_P(RandomRules, CompileToWhatTheySay) {
  Random random(GetParam());
  for (int round = 0; round < 50; ++round) {
    const std::vector<Prefix> blocks = random.Blocks(60);
    std::vector<PeerRanges::Entry> entries;
    for (const Prefix& block : blocks) {
      entries.push_back({block, static_cast<PeerRule>(1 + random.Below(kPeerRules - 1))});
    }
    const PeerRanges ranges(entries);
    EXPECT_LE(ranges.size(), 2 * entries.size());
    for (const IpAddress& address : Interesting(random, blocks)) {
      ASSERT_EQ(ranges.LookUp(address), NaiveRule(entries, address))
          << address.ToString() << " in round " << round;
    }
  }
}

bool AnyContains(const std::vector<Prefix>& prefixes, const IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const Prefix& prefix) { return prefix.Contains(address); });
}
bool AnyIs(const std::vector<IpAddress>& addresses, const IpAddress& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

/// The order that PeerPolicy::Check documents, list by list.
class NaivePolicy {
 public:
  explicit NaivePolicy(PeerPolicy::Config config) : config_(std::move(config)) {}

  PeerVerdict Check(const IpAddress& peer) const {
    if (AnyContains(config_.deny, peer)) return PeerVerdict::kDenied;
    if (AnyIs(config_.relay_addresses, peer)) {
      return config_.allow_hairpin ? PeerVerdict::kAllowed : PeerVerdict::kDenied;
    }
    if (DeniedByLists(peer)) return PeerVerdict::kDenied;
    for (const IpAddress& carried : PeerPolicy::CarriedAddresses(peer)) {
      if (AnyIs(config_.relay_addresses, carried) || AnyContains(config_.deny, carried) ||
          DeniedByLists(carried)) {
        return PeerVerdict::kDenied;
      }
    }
    return PeerVerdict::kAllowed;
  }

 private:
  bool DeniedByLists(const IpAddress& address) const {
    if (AnyIs(config_.node_addresses, address)) return true;
    if (AnyContains(config_.allow, address)) return false;
    const auto denied = PeerPolicy::DefaultDenied();
    return AnyContains({denied.begin(), denied.end()}, address);
  }

  PeerPolicy::Config config_;
};

TEST_P(RandomRules, DecideAsTheDocumentedOrderDoes) {
  Random random(GetParam() + 1000);
  int allowed = 0, denied = 0;
  for (int round = 0; round < 50; ++round) {
    PeerPolicy::Config node = {.allow = random.Blocks(20),
                               .deny = random.Blocks(8),
                               .node_addresses = random.Addresses(6),
                               .relay_addresses = random.Addresses(6),
                               .allow_hairpin = random.Below(2) == 0};
    const std::vector<Prefix> allow = random.Blocks(8), deny = random.Blocks(4);
    const PeerPolicy policy(node);
    const PeerPolicy both = policy.With(allow, deny);
    std::vector<Prefix> blocks = node.allow;
    blocks.insert(blocks.end(), node.deny.begin(), node.deny.end());
    for (const IpAddress& own : node.node_addresses) blocks.push_back(Prefix::Host(own));
    for (const IpAddress& own : node.relay_addresses) blocks.push_back(Prefix::Host(own));
    const NaivePolicy naive(node);
    node.allow.insert(node.allow.end(), allow.begin(), allow.end());
    node.deny.insert(node.deny.end(), deny.begin(), deny.end());
    const NaivePolicy naive_both(node);
    for (const IpAddress& address : Interesting(random, blocks)) {
      const PeerVerdict verdict = naive.Check(address);
      ++(verdict == PeerVerdict::kAllowed ? allowed : denied);
      ASSERT_EQ(policy.Check(address), verdict) << address.ToString() << " in round " << round;
      ASSERT_EQ(both.Check(address), naive_both.Check(address))
          << address.ToString() << " in round " << round;
    }
  }
  EXPECT_GT(allowed, 100);
  EXPECT_GT(denied, 100);
}

INSTANTIATE_TEST_SUITE_P(PeerRanges, RandomRules, testing::Range(0u, 8u),
                         [](const auto& test) { return "seed_" + std::to_string(test.param); });

// A list of this size took a millisecond a check when it was read from end to end.
TEST(PeerRanges, TakeTenThousandRules) {
  Random random(7);
  std::vector<PeerRanges::Entry> entries;
  for (uint32_t i = 0; i < 10'000; ++i) {
    const IpAddress block = IpAddress::V4(0x0b000000u + i * 512);
    entries.push_back({{block, 120}, i % 2 == 0 ? PeerRule::kDeny : PeerRule::kAllow});
  }
  std::shuffle(entries.begin(), entries.end(), std::mt19937(1));
  const PeerRanges ranges(entries);
  EXPECT_EQ(ranges.size(), 20'000u);
  for (const auto& [prefix, rule] : entries) {
    ASSERT_EQ(ranges.LookUp(prefix.First()), rule);
    ASSERT_EQ(ranges.LookUp(prefix.Last()), rule);
    ASSERT_EQ(ranges.LookUp(Advance(prefix.Last(), 1)), PeerRule::kNone);
  }
}

}  // namespace
}  // namespace causeway::access
