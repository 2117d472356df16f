// Routes that follow the kernel's notices one by one against the same kernel read from scratch.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "control/next_hop/kernel_follower.h"
#include "gtest/gtest.h"
#include "tests/control/next_hop/fake_kernel.h"

namespace causeway::next_hop {
namespace {

constexpr int kOtherInterface = 99;

/// Does to its routes what the kernel does, and tells of it as the kernel does.
class ModelKernel {
 public:
  explicit ModelKernel(unsigned seed) : random_(seed) {
    for (int i = 1; i <= 6; ++i) {
      for (const char* base : {"192.0.2.", "fe80::"}) {
        kernel_.neighbours.push_back(
            Neighbour(base + std::to_string(i), NUD_REACHABLE, Mac(static_cast<uint8_t>(i))));
      }
    }
    kernel_.neighbours.push_back(Neighbour("10.1.2.3", NUD_REACHABLE, Mac(9)));
  }

  void Step() {
    switch (Roll(6)) {
      case 0:
      case 1:
        Add();
        break;
      case 2:
        ReplaceOne();
        break;
      case 3:
        DeleteOne();
        break;
      case 4:
        AppendOrPrepend();
        break;
      default:
        ChangeNeighbour();
    }
  }

  FakeKernel& kernel() { return kernel_; }
  int Roll(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::string RandomDestination() {
    if (Roll(2) == 0) return "2001:db8:" + std::to_string(Roll(4)) + "::" + std::to_string(Roll(4));
    return "10." + std::to_string(Roll(4)) + "." + std::to_string(Roll(4)) + "." +
           std::to_string(Roll(5));
  }

 private:
  struct Held {
    std::string prefix;
    RouteOptions options;
  };

  std::string RandomPrefix() {
    static const std::vector<std::string> prefixes = {
        "0.0.0.0/0",     "10.0.0.0/8",      "10.1.0.0/16",     "10.1.2.0/24",       "10.1.2.3/32",
        "10.2.0.0/15",   "10.3.3.0/30",     "127.0.0.0/8",     "198.51.100.4/32",   "::/0",
        "2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::/64", "2001:db8:2::1/128", "fe80::/64"};
    return prefixes[static_cast<size_t>(Roll(static_cast<int>(prefixes.size())))];
  }
  RouteOptions RandomOptions(const std::string& prefix, uint32_t metric) {
    RouteOptions options;
    options.metric = metric;
    const bool v4 = prefix.find(':') == std::string::npos;
    const std::string hop = std::to_string(1 + Roll(6));
    if (Roll(4) != 0) options.via = (v4 ? "192.0.2." : "fe80::") + hop;
    if (Roll(6) == 0) options.type = Roll(2) == 0 ? RTN_BLACKHOLE : RTN_UNREACHABLE;
    if (options.type != RTN_UNICAST) options.via.clear();
    if (Roll(6) == 0) options.index = kOtherInterface;
    if (Roll(5) == 0) options.mtu = 1400;
    if (Roll(12) == 0) options.table = RT_TABLE_LOCAL;
    return options;
  }
  bool IsTaken(const std::string& prefix, const RouteOptions& options) {
    for (const Held& held : held_) {
      if (held.prefix == prefix && held.options.metric == options.metric &&
          held.options.table == options.table) {
        return true;
      }
    }
    return false;
  }
  void Tell(const Held& held, uint16_t type, uint16_t flags) {
    Message notice = Route(held.prefix, held.options, type);
    notice.header()->nlmsg_flags |= flags;
    kernel_.notices.push_back(std::move(notice));
    kernel_.routes.clear();
    for (const Held& one : held_) kernel_.routes.push_back(Route(one.prefix, one.options));
  }

  void Add() {
    Held held;
    held.prefix = RandomPrefix();
    held.options = RandomOptions(held.prefix, static_cast<uint32_t>(1 + Roll(4)));
    if (IsTaken(held.prefix, held.options)) return;
    held_.push_back(held);
    Tell(held, RTM_NEWROUTE, NLM_F_CREATE);
  }
  void ReplaceOne() {
    if (held_.empty()) return;
    Held& held = held_[static_cast<size_t>(Roll(static_cast<int>(held_.size())))];
    const uint8_t table = held.options.table;
    int rivals = 0;
    for (const Held& one : held_) {
      rivals += one.prefix == held.prefix && one.options.metric == held.options.metric &&
                        one.options.table == table
                    ? 1
                    : 0;
    }
    if (rivals > 1) return;
    held.options = RandomOptions(held.prefix, held.options.metric);
    held.options.table = table;
    Tell(held, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  }
  void DeleteOne() {
    if (held_.empty()) return;
    const auto at = held_.begin() + Roll(static_cast<int>(held_.size()));
    const Held held = *at;
    held_.erase(at);
    Tell(held, RTM_DELROUTE, 0);
  }
  // IPv4 alone holds several of one metric, in an order that counts.
  void AppendOrPrepend() {
    Held held;
    held.prefix = RandomPrefix();
    if (held.prefix.find(':') != std::string::npos) return;
    held.options = RandomOptions(held.prefix, static_cast<uint32_t>(1 + Roll(4)));
    for (const Held& one : held_) {
      if (one.prefix == held.prefix && one.options.via == held.options.via &&
          one.options.metric == held.options.metric) {
        return;
      }
    }
    const bool append = Roll(2) == 0;
    held_.insert(append ? held_.end() : held_.begin(), held);
    Tell(held, RTM_NEWROUTE, append ? NLM_F_CREATE | NLM_F_APPEND : NLM_F_CREATE);
  }
  void ChangeNeighbour() {
    const bool gone = Roll(2) == 0;
    const size_t which = static_cast<size_t>(Roll(static_cast<int>(kernel_.neighbours.size())));
    const auto parsed = ParseNeighbour(kernel_.neighbours[which].get());
    const Message changed = Neighbour(parsed->address.ToString(), gone ? NUD_FAILED : NUD_REACHABLE,
                                      Mac(static_cast<uint8_t>(10 + Roll(6))));
    kernel_.neighbours[which] = changed;
    kernel_.notices.push_back(changed);
  }

  FakeKernel kernel_;
  std::mt19937 random_;
  std::vector<Held> held_;
};

class Followed {
 public:
  explicit Followed(FakeKernel& kernel)
      : follower_(Config(), dataplane_.AllOf(1), std::make_unique<FakeNetlink>(kernel)) {
    EXPECT_TRUE(follower_.Start().ok());
    Adopt();
  }
  void Read() {
    follower_.OnReadable(++now_);
    follower_.Publish();
    Adopt();
  }
  RecordingDataplane& dataplane() { return dataplane_; }

 private:
  static NextHopsConfig Config() {
    NextHopsConfig config;
    config.interfaces = {"eth9"};
    config.node.shards = 1;
    config.relay_prefixes = {*Prefix::Parse("198.51.100.0/28")};
    return config;
  }
  void Adopt() { follower_.OnRoutesAdopted(0, dataplane_.shards[0].generation); }

  RecordingDataplane dataplane_;
  KernelFollower follower_;
  Deciseconds now_ = 1;
};

// What waits for a neighbour that was asked for may be "waits" in one and "onlink" in the other.
std::string Fate(Followed& followed, const std::string& destination) {
  const std::string fate = followed.dataplane().Fate(destination);
  return fate == "onlink" ? "waits" : fate;
}

TEST(RouteModel, FollowingNoticesIsReadingAnew) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    ModelKernel model(seed);
    Followed following(model.kernel());
    for (int round = 0; round < 60; ++round) {
      for (int steps = 1 + model.Roll(8); steps > 0; --steps) model.Step();
      following.Read();
      ASSERT_EQ(model.kernel().route_dumps, (round + 1) * 2) << "followed without a dump";
      Followed anew(model.kernel());
      for (int look = 0; look < 60; ++look) {
        const std::string destination = model.RandomDestination();
        ASSERT_EQ(Fate(following, destination), Fate(anew, destination))
            << destination << " in round " << round << " of seed " << seed;
        ASSERT_EQ(following.dataplane().HopOf(destination).mtu,
                  anew.dataplane().HopOf(destination).mtu);
      }
    }
  }
}

// Versions of a table, each against a linear search over the routes that it was made of.
TEST(RouteModel, EveryVersionOfATableStaysAsItWas) {
  std::mt19937 random(7);
  const auto roll = [&](uint32_t below) { return random() % below; };
  std::map<std::pair<uint32_t, uint8_t>, NextHopId> routes;
  RouteTable table;
  struct Version {
    RouteTable table;
    decltype(routes) model;
  };
  std::vector<Version> versions;
  for (int step = 0; step < 3000; ++step) {
    const auto length = static_cast<uint8_t>(96 + roll(33));
    const uint32_t mask = length == 96 ? 0 : ~uint32_t{0} << (128 - length);
    const uint32_t address = (0x0a000000 | roll(16) << 20 | roll(4)) & mask;
    const Prefix prefix = {IpAddress::V4(address), length};
    if (roll(3) == 0) {
      table.Erase(prefix);
      routes.erase({address, length});
    } else {
      const auto id = static_cast<NextHopId>(roll(50));
      table.Set(prefix, id);
      routes[{address, length}] = id;
    }
    if (step % 100 == 0) versions.push_back({table, routes});
    if (versions.size() > 8) versions.erase(versions.begin() + static_cast<int>(roll(8)));
  }
  for (const Version& version : versions) {
    for (int look = 0; look < 500; ++look) {
      const IpAddress destination = IpAddress::V4(0x0a000000 | roll(16) << 20 | roll(4));
      NextHopId expected = kNoRoute;
      int longest = -1;
      for (const auto& [key, id] : version.model) {
        const Prefix prefix = {IpAddress::V4(key.first), key.second};
        if (key.second <= longest || !prefix.Contains(destination)) continue;
        longest = key.second;
        expected = id;
      }
      ASSERT_EQ(version.table.LookUp(destination), expected) << destination.ToString();
    }
  }
}

}  // namespace
}  // namespace causeway::next_hop
