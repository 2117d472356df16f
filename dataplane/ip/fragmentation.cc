#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>

#include "dataplane/ip/headers.h"
#include "dataplane/ip/slow_path.h"

namespace causeway {
namespace {

// How one packet is cut: every fragment repeats `header_size` bytes and, if it is one of several
// IPv6 ones, carries a fragment header.
struct Plan {
  IpPacket packet;
  size_t extra;  // bytes of the IPv6 fragment header, or 0
  size_t step;   // bytes of data in every fragment but the last
  unsigned count;
  uint32_t identification;
};

bool MayBeCut(const IpPacket& packet) {
  if (packet.is_v4) {
    const uint16_t field = LoadBe16(packet.data + 6);
    return packet.header_size == kIpv4HeaderSize &&
           (field & (kIpv4MoreFragments | kIpv4OffsetMask)) == 0;
  }
  const uint8_t next = packet.data[kIpv6NextHeaderField];
  return next != kProtocolHopByHop && next != kProtocolRouting && next != kProtocolFragment &&
         next != kProtocolDestinationOptions;
}

// Count 0 when it cannot be done.
Plan MakePlan(const IpPacket& packet, size_t limit, uint32_t identification) {
  const size_t data = packet.size - packet.header_size;
  if (packet.size <= limit) return {packet, 0, data, 1, identification};
  const size_t extra = packet.is_v4 ? 0 : kIpv6FragmentHeaderSize;
  const size_t headers = packet.header_size + extra;
  if (limit < headers + 8) return {packet, extra, 0, 0, identification};
  const size_t step = (limit - headers) & ~size_t{7};
  return {packet, extra, step, static_cast<unsigned>((data + step - 1) / step), identification};
}

void FinishIpv4Fragment(const Plan& plan, uint8_t* l3, size_t offset, size_t size, bool more) {
  StoreBe16(l3 + 2, kIpv4HeaderSize + size);
  StoreBe16(l3 + 4, plan.identification & 0xffff);
  StoreBe16(l3 + 6, offset / 8 | (more ? kIpv4MoreFragments : 0));
  FinishIpv4Header(l3, kIpv4HeaderSize);
}

void FinishIpv6Fragment(const Plan& plan, uint8_t* l3, size_t offset, size_t size, bool more) {
  if (plan.extra == 0) return;
  StoreBe16(l3 + 4, kIpv6FragmentHeaderSize + size);
  uint8_t* fragment = l3 + kIpv6HeaderSize;
  fragment[0] = l3[kIpv6NextHeaderField];
  fragment[1] = 0;
  StoreBe16(fragment + 2, offset | (more ? 1 : 0));
  StoreBe32(fragment + 4, plan.identification);
  l3[kIpv6NextHeaderField] = kProtocolFragment;
}

void FillFragment(const Plan& plan, unsigned index, uint16_t port, rte_mbuf* mbuf) {
  const size_t data = plan.packet.size - plan.packet.header_size;
  const size_t offset = index * plan.step;
  const size_t size = std::min(plan.step, data - offset);
  const size_t front = kEthernetHeaderSize + plan.packet.header_size;
  auto* bytes = reinterpret_cast<uint8_t*>(
      rte_pktmbuf_append(mbuf, static_cast<uint16_t>(front + plan.extra + size)));
  std::memcpy(bytes, plan.packet.data - kEthernetHeaderSize, front);
  std::memcpy(bytes + front + plan.extra, plan.packet.data + plan.packet.header_size + offset,
              size);
  mbuf->port = port;
  uint8_t* l3 = bytes + kEthernetHeaderSize;
  const bool more = index + 1 < plan.count;
  plan.packet.is_v4 ? FinishIpv4Fragment(plan, l3, offset, size, more)
                    : FinishIpv6Fragment(plan, l3, offset, size, more);
}

}  // namespace

unsigned FragmentFrame(const rte_mbuf* frame, uint16_t mtu, uint32_t identification,
                       rte_mempool* pool, absl::Span<rte_mbuf*> out) {
  const auto packet = ParseIpPacket(frame);
  const size_t room = rte_pktmbuf_data_room_size(pool);
  if (!packet || !MayBeCut(*packet) || room < RTE_PKTMBUF_HEADROOM + kEthernetHeaderSize) return 0;
  const size_t limit = std::min<size_t>(mtu, room - RTE_PKTMBUF_HEADROOM - kEthernetHeaderSize);
  const Plan plan = MakePlan(*packet, limit, identification);
  if (plan.count == 0 || plan.count > out.size()) return 0;
  if (rte_pktmbuf_alloc_bulk(pool, out.data(), plan.count) != 0) return 0;
  for (unsigned i = 0; i < plan.count; ++i) FillFragment(plan, i, frame->port, out[i]);
  return plan.count;
}

}  // namespace causeway
