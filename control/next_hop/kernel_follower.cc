#include "control/next_hop/kernel_follower.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace causeway::next_hop {

KernelFollower::KernelFollower(const NextHopsConfig& config, ToShards to_shards,
                               std::unique_ptr<Netlink> netlink)
    : config_(config),
      netlink_(std::move(netlink)),
      kernel_(config.interfaces),
      table_(std::move(to_shards), config.node.shards) {}

absl::Status KernelFollower::Start() {
  if (absl::Status s = kernel_.Load(*netlink_); !s.ok()) return s;
  for (LinkId link = 0; link < kernel_.links(); ++link) {
    if (kernel_.Exists(link)) continue;
    return absl::NotFoundError(
        absl::StrFormat("there is no network interface %s: `ip link` lists those there are",
                        config_.interfaces[link]));
  }
  plan_anew_ = true;
  Publish();
  if (absl::IsPermissionDenied(last_request_)) {
    return absl::PermissionDeniedError(absl::StrFormat(
        "may not ask the kernel to resolve neighbours on %s: CAP_NET_ADMIN is missing",
        absl::StrJoin(config_.interfaces, " and ")));
  }
  return absl::OkStatus();
}

void KernelFollower::OnReadable(Deciseconds now) {
  now_ = now;
  KernelChanges changes;
  auto read = netlink_->ReadNotices([&](const nlmsghdr& m) { kernel_.Apply(m, &changes); });
  reload_routes_ |= changes.routes;
  check_routes_ |= changes.routes;
  changed_.insert(changed_.end(), changes.prefixes.begin(), changes.prefixes.end());
  if (!changes.prefixes.empty()) {
    const Deciseconds at = now_ + (changes.unclear ? kVerifyUnclear : kVerifyEvery);
    verify_at_ = verify_at_ == 0 ? at : std::min(verify_at_, at);
  }
  const bool lost = !read.ok() || *read == Netlink::Notices::kLost;
  reload_routes_ |= lost;
  if (lost || changes.link) {
    ReloadLinks();
  } else {
    for (const NeighbourKey& key : changes.neighbours) RefreshNeighbour(key);
  }
}

void KernelFollower::OnUnresolved(const IpAddress& destination, Deciseconds now) {
  now_ = now;
  const Target& target = TargetOf(destination);
  const bool on_link = target.kind == Target::Kind::kNeighbour;
  if (!on_link && target.kind != Target::Kind::kVia) return;
  const NeighbourKey key = {on_link ? destination : target.gateway, target.link};
  auto found = uses_.find(key);
  if (found == uses_.end()) {
    Use use;
    use.unresolved_since = now_;
    use.requested_at = now_;
    if (!on_link || pending_ >= kMaxPending) {
      Request(key, use);
      return;
    }
    found = uses_.emplace(key, use).first;
    ++pending_;
    dirty_ = true;
    Request(key, found->second);
    found->second.asked_at = now_;
    return;
  }
  found->second.asked_at = now_;
  if (on_link && !table_.LookUp({key.address, target.mtu, key.link})) dirty_ = true;
  RequestIfDue(key, found->second, /*asked=*/true);
}

void KernelFollower::OnRoutesAdopted(ShardId shard, uint32_t generation) {
  // Hops that found no free id, or a table that had to wait, may have their turn.
  if (table_.OnRoutesAdopted(shard, generation)) dirty_ = true;
}

void KernelFollower::Tick(Deciseconds now) {
  now_ = now;
  requests_left_ = kRequestsPerTick;
  if (reload_links_) ReloadLinks();
  reload_routes_ |= std::exchange(check_routes_, false);
  VerifyIfDue();
  pending_ = 0;
  for (auto use = uses_.begin(); use != uses_.end();) {
    const bool pending = !use->second.gateway && !use->second.resolved;
    if (pending && now_ - use->second.unresolved_since >= kForgetAfter) {
      use = uses_.erase(use);
      dirty_ = true;
      continue;
    }
    pending_ += pending ? 1 : 0;
    ++use;
  }
  auto at = uses_.lower_bound(tick_at_);
  for (size_t i = 0; i < uses_.size() && requests_left_ > 0; ++i, ++at) {
    if (at == uses_.end()) at = uses_.begin();
    RequestIfDue(at->first, at->second, /*asked=*/false);
  }
  tick_at_ = at == uses_.end() ? NeighbourKey() : at->first;
}

const Target& KernelFollower::TargetOf(const IpAddress& destination) const {
  return plan_.LookUp(destination);
}

// Its destination is sent to it itself, by its link.
bool KernelFollower::IsOnLink(const NeighbourKey& key) const {
  const Target& target = TargetOf(key.address);
  return target.kind == Target::Kind::kNeighbour && target.link == key.link;
}

std::optional<MacAddress> KernelFollower::MacOf(const NeighbourKey& key) const {
  if (!kernel_.IsUp(key.link)) return std::nullopt;
  if (!kernel_.ResolvesNeighbours(key.link)) return kernel_.FixedMac(key.link);
  const KernelView::Neighbour* neighbour = kernel_.LookUpNeighbour(key);
  if (neighbour == nullptr || !neighbour->IsResolved()) return std::nullopt;
  return neighbour->mac;
}

void KernelFollower::SetLinkMtus() {
  for (LinkId link = 0; link < kernel_.links(); ++link) {
    if (kernel_.Exists(link)) table_.SetLinkMtu(link, kernel_.link(link).mtu);
  }
}

void KernelFollower::ReloadLinks() {
  reload_links_ = !kernel_.LoadLinks(*netlink_).ok();
  plan_anew_ = true;
  SetLinkMtus();
  for (auto& [key, use] : uses_) RefreshNeighbour(key);
}

void KernelFollower::VerifyIfDue() {
  if (verify_at_ == 0 || now_ < std::max(verify_at_, no_verify_before_)) return;
  reload_routes_ = true;
}

// What fails keeps what was there, and is tried again at the next Tick.
void KernelFollower::LoadRoutes() {
  const auto began = std::chrono::steady_clock::now();
  KernelChanges changes;
  if (kernel_.LoadRoutes(*netlink_, &changes).ok()) {
    changed_.insert(changed_.end(), changes.prefixes.begin(), changes.prefixes.end());
  } else {
    check_routes_ = true;
  }
  const std::chrono::duration<double, std::deci> took = std::chrono::steady_clock::now() - began;
  no_verify_before_ = now_ + static_cast<Deciseconds>(kRestAfterDump * took.count());
  verify_at_ = 0;
}

void KernelFollower::Plan() {
  std::vector<RouteRules::Link> links;
  for (LinkId link = 0; link < kernel_.links(); ++link) {
    links.push_back(
        {kernel_.link(link).index, kernel_.IsUp(link), kernel_.ResolvesNeighbours(link)});
  }
  const RouteRules rules = {.links = links, .relay_prefixes = config_.relay_prefixes};
  if (std::exchange(plan_anew_, false)) {
    SetLinkMtus();
    for (const auto& [prefix, index] : plan_.prefixes()) changed_.push_back(prefix);
    for (const auto& [prefix, routes] : kernel_.routes().all()) changed_.push_back(prefix);
    for (const Prefix& prefix : config_.relay_prefixes) changed_.push_back(prefix);
    for (const Prefix& prefix : ImpossibleDestinations()) changed_.push_back(prefix);
  }
  for (const Prefix& prefix : std::exchange(changed_, {})) {
    const auto target = TargetOfRoutes(prefix, kernel_.routes().At(prefix), rules);
    if (plan_.Set(prefix, target)) planned_.push_back(prefix);
  }
  dirty_ |= !planned_.empty();
}

void KernelFollower::RefreshNeighbour(const NeighbourKey& key) {
  const std::optional<MacAddress> mac = MacOf(key);
  table_.SetMac(key, mac);
  auto found = uses_.find(key);
  if (found == uses_.end()) {
    dirty_ |= mac.has_value() && IsOnLink(key);
    return;
  }
  Use& use = found->second;
  if (use.resolved && !mac) {
    use.unresolved_since = now_;
    use.resolved = false;
    Request(key, use);
  }
  use.resolved = mac.has_value();
}

void KernelFollower::Request(const NeighbourKey& key, Use& use) {
  if (requests_left_ <= 0 || !kernel_.IsUp(key.link) || !kernel_.ResolvesNeighbours(key.link)) {
    return;
  }
  --requests_left_;
  use.requested_at = now_;
  last_request_ = netlink_->UseNeighbour(kernel_.link(key.link).index, key.address);
}

void KernelFollower::RequestIfDue(const NeighbourKey& key, Use& use, bool asked) {
  const KernelView::Neighbour* known = kernel_.LookUpNeighbour(key);
  if (known != nullptr && known->IsFixed()) return;
  const bool stale = known != nullptr && known->IsStale();
  Deciseconds every = use.gateway || asked || stale ? kRetrySoon : kRetry;
  if (use.resolved && !stale) every = kAssertEvery;
  if (now_ - use.requested_at >= every) Request(key, use);
}

void KernelFollower::AddUse(const NeighbourKey& key, bool gateway) {
  auto [at, added] = uses_.try_emplace(key);
  if (added) {
    at->second.unresolved_since = now_;
    at->second.resolved = MacOf(key).has_value();
    const KernelView::Neighbour* known = kernel_.LookUpNeighbour(key);
    if (known == nullptr || !known->IsFixed()) Request(key, at->second);
  }
  at->second.gateway |= gateway;
}

void KernelFollower::CollectUses() {
  for (auto& [key, use] : uses_) use.gateway = false;
  plan_.ForEachTarget([&](RoutePlan::Index, const Target& target) {
    if (target.kind == Target::Kind::kVia) AddUse({target.gateway, target.link}, true);
  });
  for (const auto& [key, neighbour] : kernel_.neighbours()) {
    const bool usable = kernel_.IsUp(key.link) && kernel_.ResolvesNeighbours(key.link);
    if (usable && neighbour.IsResolved() && IsOnLink(key)) AddUse(key, false);
  }
}

std::vector<HopKey> KernelFollower::WantedHops() const {
  std::set<HopKey> gateways;
  plan_.ForEachTarget([&](RoutePlan::Index, const Target& target) {
    if (target.kind == Target::Kind::kVia)
      gateways.insert({target.gateway, target.mtu, target.link});
  });
  // Gateways first; then what shards asked for, the latest first; then what has an id already.
  std::vector<std::tuple<Deciseconds, bool, HopKey>> hosts;
  for (const auto& [neighbour, use] : uses_) {
    if (!IsOnLink(neighbour)) continue;
    const HopKey key = {neighbour.address, TargetOf(neighbour.address).mtu, neighbour.link};
    if (gateways.contains(key)) continue;
    hosts.emplace_back(use.asked_at, table_.LookUp(key).has_value(), key);
  }
  std::sort(hosts.begin(), hosts.end(), std::greater<>());
  std::vector<HopKey> wanted(gateways.begin(), gateways.end());
  for (const auto& host : hosts) wanted.push_back(std::get<HopKey>(host));
  if (wanted.size() > NextHopTable::kCapacity) wanted.resize(NextHopTable::kCapacity);
  return wanted;
}

bool KernelFollower::HasNews() const {
  const bool has = reload_routes_ || plan_anew_ || !changed_.empty() || dirty_;
  return has && table_.CanPublish();
}

void KernelFollower::Publish() {
  if (!table_.CanPublish()) return;
  if (std::exchange(reload_routes_, false)) LoadRoutes();
  Plan();
  if (!std::exchange(dirty_, false)) return;
  CollectUses();
  std::erase_if(uses_,
                [&](const auto& entry) { return !entry.second.gateway && !IsOnLink(entry.first); });
  const std::vector<HopKey> wanted = WantedHops();
  std::vector<HopKey> sorted = wanted;
  std::sort(sorted.begin(), sorted.end());
  table_.Keep(sorted);
  for (const HopKey& key : wanted) table_.Deal(key, MacOf({key.address, key.link}));
  routes_.Update(plan_, planned_, wanted, table_);
  planned_.clear();
  table_.Publish(routes_.table());
}

}  // namespace causeway::next_hop
