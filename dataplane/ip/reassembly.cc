// DPDK's own rte_ip_frag is not used: Debian's takes eight fragments at most, does not see
// overlaps, and gives a datagram up for one duplicate.
#include <rte_cycles.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <cstring>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "dataplane/ip/fragment.h"
#include "dataplane/ip/headers.h"
#include "dataplane/ip/slow_path.h"

namespace causeway {
namespace {

constexpr uint16_t kNone = 0xffff;
constexpr uint8_t kEcnCongestion = 3;

// A held fragment, linked in the order of its data.
struct Slot {
  rte_mbuf* mbuf;
  uint16_t start;
  uint16_t end;
  uint16_t data_at;
  uint16_t next;
};

struct Datagram {
  DatagramKey key;
  uint64_t deadline;
  uint16_t older;  // by age, both ways
  uint16_t newer;  // also links the unused ones
  uint16_t first;  // its fragments
  uint16_t fragments;
  uint16_t received;    // bytes
  uint16_t total;       // bytes, or 0 while the last fragment is not there
  uint16_t front_size;  // of the first fragment, as the two below
  uint16_t next_header_field;
  uint8_t next_header;
  uint8_t ecn_seen;  // bit n: a fragment with ECN field n
  bool discarded;    // keeps out what may still come of an overlapped datagram
};

struct DpdkFree {
  void operator()(void* memory) const { rte_free(memory); }
};
template <typename T>
using DpdkArray = std::unique_ptr<T[], DpdkFree>;

template <typename T>
DpdkArray<T> AllocateArray(size_t size, int socket) {
  return DpdkArray<T>(
      static_cast<T*>(rte_zmalloc_socket("reassembly", size * sizeof(T), 64, socket)));
}

class Table final : public Reassembler {
 public:
  Table(rte_mempool* jumbo_pool, DpdkArray<Datagram> datagrams, DpdkArray<Slot> slots);
  ~Table() override;
  rte_mbuf* Add(rte_mbuf* fragment, uint64_t now_tsc, unsigned* dropped) override;
  unsigned Expire(uint64_t now_tsc) override;

 private:
  // Each of these returns how many fragments it freed.
  unsigned Remove(uint16_t index);
  unsigned FreeFragments(Datagram& datagram);
  unsigned Discard(Datagram& datagram);

  // Adds to `dropped` what it freed to make room.
  uint16_t FindOrStart(const DatagramKey& key, uint64_t now_tsc, unsigned* dropped);
  // Where a fragment goes: the link to set, or nullptr if it is a duplicate or contradicts others.
  uint16_t* FindPlace(Datagram& datagram, const Fragment& fragment, bool* duplicate);
  void Hold(Datagram& datagram, const Fragment& fragment, rte_mbuf* mbuf, uint16_t* place);
  rte_mbuf* Assemble(const Datagram& datagram);

  rte_mempool* const jumbo_pool_;
  const uint64_t timeout_;
  DpdkArray<Datagram> datagrams_;
  DpdkArray<Slot> slots_;
  absl::flat_hash_map<DatagramKey, uint16_t> index_;
  uint16_t oldest_ = kNone;
  uint16_t newest_ = kNone;
  uint16_t unused_datagram_ = kNone;
  uint16_t unused_slot_ = kNone;
};

Table::Table(rte_mempool* jumbo_pool, DpdkArray<Datagram> datagrams, DpdkArray<Slot> slots)
    : jumbo_pool_(jumbo_pool),
      timeout_(rte_get_tsc_hz() * kTimeoutSeconds),
      datagrams_(std::move(datagrams)),
      slots_(std::move(slots)) {
  index_.reserve(kMaxDatagrams);
  for (uint16_t i = 0; i < kMaxDatagrams; ++i) {
    datagrams_[i].newer = std::exchange(unused_datagram_, i);
  }
  for (uint16_t i = 0; i < kMaxFragments; ++i) slots_[i].next = std::exchange(unused_slot_, i);
}

Table::~Table() {
  while (oldest_ != kNone) Remove(oldest_);
}

unsigned Table::FreeFragments(Datagram& datagram) {
  while (datagram.first != kNone) {
    const uint16_t slot = datagram.first;
    rte_pktmbuf_free(slots_[slot].mbuf);
    datagram.first = slots_[slot].next;
    slots_[slot].next = std::exchange(unused_slot_, slot);
  }
  return std::exchange(datagram.fragments, 0);
}

unsigned Table::Discard(Datagram& datagram) {
  datagram.discarded = true;
  return FreeFragments(datagram);
}

unsigned Table::Remove(uint16_t index) {
  Datagram& datagram = datagrams_[index];
  const unsigned freed = FreeFragments(datagram);
  (datagram.older == kNone ? oldest_ : datagrams_[datagram.older].newer) = datagram.newer;
  (datagram.newer == kNone ? newest_ : datagrams_[datagram.newer].older) = datagram.older;
  index_.erase(datagram.key);
  datagram.newer = std::exchange(unused_datagram_, index);
  return freed;
}

uint16_t Table::FindOrStart(const DatagramKey& key, uint64_t now_tsc, unsigned* dropped) {
  while (unused_slot_ == kNone) *dropped += Remove(oldest_);
  if (const auto known = index_.find(key); known != index_.end()) return known->second;
  if (unused_datagram_ == kNone) *dropped += Remove(oldest_);
  const uint16_t index = unused_datagram_;
  Datagram& datagram = datagrams_[index];
  unused_datagram_ = datagram.newer;
  datagram = {};
  datagram.key = key;
  datagram.deadline = now_tsc + timeout_;
  datagram.older = std::exchange(newest_, index);
  datagram.newer = kNone;
  datagram.first = kNone;
  (datagram.older == kNone ? oldest_ : datagrams_[datagram.older].newer) = index;
  index_.emplace(key, index);
  return index;
}

uint16_t* Table::FindPlace(Datagram& datagram, const Fragment& fragment, bool* duplicate) {
  uint16_t* link = &datagram.first;
  while (*link != kNone && slots_[*link].end <= fragment.start) link = &slots_[*link].next;
  const bool known_last = datagram.total != 0 && fragment.end == datagram.total;
  if (*link != kNone) {
    const Slot& next = slots_[*link];
    *duplicate =
        next.start == fragment.start && next.end == fragment.end && known_last == !fragment.more;
    if (next.start < fragment.end || !fragment.more) return nullptr;
  }
  if (datagram.total == 0) return link;
  return fragment.end < datagram.total ? link : nullptr;
}

void Table::Hold(Datagram& datagram, const Fragment& fragment, rte_mbuf* mbuf, uint16_t* place) {
  const uint16_t slot = unused_slot_;
  unused_slot_ = slots_[slot].next;
  slots_[slot] = {mbuf, fragment.start, fragment.end, fragment.data_at,
                  std::exchange(*place, slot)};
  ++datagram.fragments;
  datagram.received = static_cast<uint16_t>(datagram.received + fragment.end - fragment.start);
  datagram.ecn_seen |= static_cast<uint8_t>(1u << fragment.ecn);
  if (!fragment.more) datagram.total = fragment.end;
  if (fragment.start != 0) return;
  datagram.front_size = fragment.front_size;
  datagram.next_header_field = fragment.next_header_field;
  datagram.next_header = fragment.next_header;
}

// RFC 3168 section 5.3.
bool SetEcn(uint8_t seen, bool is_v4, uint8_t* l3) {
  if ((seen & 1u << kEcnCongestion) == 0) return true;
  l3[1] |= is_v4 ? kEcnCongestion : kEcnCongestion << 4;
  return (seen & 1) == 0;
}

bool FinishHeader(const Datagram& datagram, uint8_t* l3) {
  const bool is_v4 = datagram.key.protocol != kIpv6Datagram;
  const size_t size = size_t{datagram.front_size} + datagram.total - (is_v4 ? 0 : kIpv6HeaderSize);
  if (size > kMaxIpPayload || !SetEcn(datagram.ecn_seen, is_v4, l3)) return false;
  if (is_v4) {
    StoreBe16(l3 + 2, size);
    StoreBe16(l3 + 6, 0);
    FinishIpv4Header(l3, datagram.front_size);
  } else {
    StoreBe16(l3 + 4, size);
    l3[datagram.next_header_field] = datagram.next_header;
  }
  return true;
}

rte_mbuf* Table::Assemble(const Datagram& datagram) {
  const size_t front = kEthernetHeaderSize + datagram.front_size;
  const size_t size = front + datagram.total;
  rte_mbuf* whole = rte_pktmbuf_alloc(jumbo_pool_);
  if (whole == nullptr) return nullptr;
  if (size > rte_pktmbuf_tailroom(whole)) {
    rte_pktmbuf_free(whole);
    return nullptr;
  }
  auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(whole, static_cast<uint16_t>(size)));
  const rte_mbuf* first = slots_[datagram.first].mbuf;
  whole->port = first->port;
  std::memcpy(bytes, rte_pktmbuf_mtod(first, const uint8_t*), front);
  for (uint16_t i = datagram.first; i != kNone; i = slots_[i].next) {
    const Slot& slot = slots_[i];
    std::memcpy(bytes + front + slot.start,
                rte_pktmbuf_mtod_offset(slot.mbuf, const uint8_t*, slot.data_at),
                size_t{slot.end} - slot.start);
  }
  if (FinishHeader(datagram, bytes + kEthernetHeaderSize)) return whole;
  rte_pktmbuf_free(whole);
  return nullptr;
}

rte_mbuf* Table::Add(rte_mbuf* fragment_mbuf, uint64_t now_tsc, unsigned* dropped) {
  *dropped = 0;
  Fragment fragment = {};
  const FragmentKind kind = ReadFragment(fragment_mbuf, &fragment);
  if (kind == FragmentKind::kAtomic) RemoveFragmentHeader(fragment_mbuf, fragment);
  if (kind == FragmentKind::kAtomic || kind == FragmentKind::kWhole) return fragment_mbuf;
  if (kind == FragmentKind::kBad) {
    rte_pktmbuf_free(fragment_mbuf);
    *dropped = 1;
    return nullptr;
  }
  *dropped += Expire(now_tsc);
  const uint16_t index = FindOrStart(fragment.key, now_tsc, dropped);
  Datagram& datagram = datagrams_[index];
  bool duplicate = false;
  uint16_t* place = datagram.discarded || datagram.fragments == kMaxFragmentsPerDatagram
                        ? nullptr
                        : FindPlace(datagram, fragment, &duplicate);
  if (place == nullptr) {
    rte_pktmbuf_free(fragment_mbuf);
    *dropped += 1 + (duplicate ? 0 : Discard(datagram));
    return nullptr;
  }
  Hold(datagram, fragment, fragment_mbuf, place);
  if (datagram.total == 0 || datagram.received != datagram.total) return nullptr;
  rte_mbuf* whole = Assemble(datagram);
  const unsigned freed = Remove(index);
  if (whole == nullptr) *dropped += freed;
  return whole;
}

unsigned Table::Expire(uint64_t now_tsc) {
  unsigned freed = 0;
  while (oldest_ != kNone && datagrams_[oldest_].deadline <= now_tsc) freed += Remove(oldest_);
  return freed;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Reassembler>> Reassembler::Create(rte_mempool* jumbo_pool,
                                                                 int socket) {
  auto datagrams = AllocateArray<Datagram>(kMaxDatagrams, socket);
  auto slots = AllocateArray<Slot>(kMaxFragments, socket);
  if (datagrams == nullptr || slots == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat("no memory for reassembly on socket ", socket,
                                                     " (about 100 kB): give the node more"));
  }
  return std::make_unique<Table>(jumbo_pool, std::move(datagrams), std::move(slots));
}

}  // namespace causeway
