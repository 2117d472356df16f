#include "control/turn/operator.h"

#include <algorithm>

namespace causeway::turn {
namespace {

// Records, permissions and channels looked at in a slice.
constexpr size_t kMostExamined = 4096;
// A user's or tenant's list that is longer is met in the order of slots, among all others.
constexpr uint32_t kMostInList = 1024;
constexpr size_t kMostEnded = 256;

bool Fits(const Operator::AddressFilter& wanted, const Endpoint& endpoint) {
  return wanted.address == endpoint.address && (wanted.port == 0 || wanted.port == endpoint.port);
}

}  // namespace

struct Operator::Query {
  const Filter& filter;
  const TenantAccount* tenant = nullptr;  // set when the filter names one
  const User* user = nullptr;             // set when it names both
};

std::optional<AllocationInfo> Operator::Get(AllocationSerial serial) const {
  const uint32_t allocation = allocations_.LookUp(serial);
  if (allocation == kNoRecord) return std::nullopt;
  return allocations_.Describe(allocation);
}

Operator::Page Operator::List(const Filter& filter, Cursor from, size_t limit) const {
  Page page;
  limit = std::clamp<size_t>(limit, 1, kMaxPage);
  size_t examined = 0;
  page.next = Scan(filter, from, [&](uint32_t allocation) {
    page.items.push_back(allocations_.Describe(allocation));
    examined += page.items.back().permissions.size() + page.items.back().channels.size();
    return page.items.size() < limit && examined < kMostExamined;
  });
  return page;
}

bool Operator::End(AllocationSerial serial, EndReason reason) {
  const uint32_t allocation = allocations_.LookUp(serial);
  if (allocation == kNoRecord) return false;
  allocations_.Remove(allocation, reason);
  return true;
}

Operator::EndedSlice Operator::End(const Filter& filter, Cursor from, EndReason reason) {
  EndedSlice slice;
  slice.next = Scan(filter, from, [&](uint32_t allocation) {
    allocations_.Remove(allocation, reason);
    return ++slice.count < kMostEnded;
  });
  return slice;
}

bool Operator::Limit(AllocationSerial serial, const auth::RateLimits& limits) {
  const uint32_t allocation = allocations_.LookUp(serial);
  if (allocation == kNoRecord) return false;
  allocations_.SetLimits(allocation, limits);
  return true;
}

bool Operator::SetModality(AllocationSerial serial, auth::Modality modality) {
  const uint32_t allocation = allocations_.LookUp(serial);
  if (allocation == kNoRecord) return false;
  allocations_.SetModality(allocation, modality);
  return true;
}

// nullopt: nothing can match.
std::optional<Operator::Query> Operator::Resolve(const Filter& filter) const {
  Query query{filter};
  if (!filter.tenant) return query;
  query.tenant = users_.LookUpTenant(*filter.tenant);
  if (query.tenant == nullptr) return std::nullopt;
  if (!filter.user) return query;
  query.user = users_.LookUp(*filter.tenant, *filter.user);
  if (query.user == nullptr) return std::nullopt;
  return query;
}

bool Operator::Matches(const Query& query, uint32_t allocation) const {
  const AllocationRecord& record = allocations_[allocation];
  const Filter& filter = query.filter;
  if (!record.InUse()) return false;
  if (query.tenant != nullptr && record.user->tenant != query.tenant) return false;
  if (query.user != nullptr && record.user != query.user) return false;
  if (filter.user && record.user->name != *filter.user) return false;
  if (filter.client && !Fits(*filter.client, record.tuple.client)) return false;
  if (filter.relayed) {
    const Family family = filter.relayed->address.family();
    if (!record.Has(family)) return false;
    if (!Fits(*filter.relayed, allocations_.RelayedEndpoint(allocation, family))) return false;
  }
  return !filter.peer || PeerMatches(*filter.peer, allocation);
}

bool Operator::PeerMatches(const AddressFilter& peer, uint32_t allocation) const {
  const PeerTable& peers = allocations_.peers();
  if (peer.port == 0) return peers.HasPermission(allocation, peer.address);
  return peers.ChannelOfPeer(allocation, {peer.address, peer.port}).has_value();
}

std::optional<Operator::Cursor> Operator::Scan(const Filter& filter, Cursor from,
                                               Visit visit) const {
  const std::optional<Query> query = Resolve(filter);
  if (!query) return std::nullopt;
  const Holdings* listed = query->user     ? &query->user->holdings
                           : query->tenant ? &query->tenant->holdings
                                           : nullptr;
  if (listed == nullptr || listed->allocations > kMostInList) {
    return ScanSlots(*query, from, visit);
  }
  return ScanList(*query, from, visit);
}

std::optional<Operator::Cursor> Operator::ScanList(const Query& query, Cursor from,
                                                   Visit visit) const {
  std::vector<uint32_t> found;
  const auto collect = [&](uint32_t allocation) {
    if (allocation >= from) found.push_back(allocation);
  };
  query.user ? allocations_.ForEachOf(*query.user, collect)
             : allocations_.ForEachOf(*query.tenant, collect);
  std::sort(found.begin(), found.end());
  size_t examined = 0;
  for (const uint32_t allocation : found) {
    examined += 1 + allocations_[allocation].permission_count;
    if (Matches(query, allocation) && !visit(allocation)) return allocation + 1;
    if (examined >= kMostExamined) return allocation + 1;
  }
  return std::nullopt;
}

std::optional<Operator::Cursor> Operator::ScanSlots(const Query& query, Cursor from,
                                                    Visit visit) const {
  size_t examined = 0;
  for (uint32_t i = allocations_.NextTouched(from); i != kNoRecord;
       i = allocations_.NextTouched(i + 1)) {
    examined += 1 + (query.filter.peer ? allocations_[i].permission_count : 0);
    if (Matches(query, i) && !visit(i)) return i + 1;
    if (examined >= kMostExamined) return i + 1;
  }
  return std::nullopt;
}

}  // namespace causeway::turn
