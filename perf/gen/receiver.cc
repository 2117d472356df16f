#include "perf/gen/receiver.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "control/stun/types.h"
#include "dataplane/byte_order.h"

namespace causeway::gen {
namespace {

constexpr unsigned kBursts = 4;
constexpr uint16_t kDataIndication = 0x0017;

bool IsStun(const UdpView& view) {
  return view.payload_size >= stun::kHeaderSize && view.payload[0] < 4 &&
         LoadBe32(view.payload + 4) == stun::kMagicCookie;
}

// The value of the DATA attribute.
absl::Span<const uint8_t> DataOf(const UdpView& view) {
  const uint8_t* const end = view.payload + view.payload_size;
  for (const uint8_t* at = view.payload + stun::kHeaderSize; end - at >= 4;) {
    const uint16_t size = LoadBe16(at + 2);
    if (end - at - 4 < size) break;
    if (LoadBe16(at) == static_cast<uint16_t>(stun::Attribute::kData)) return {at + 4, size};
    at += 4 + ((size + ptrdiff_t{3}) & ~ptrdiff_t{3});
  }
  return {};
}

}  // namespace

unsigned Receiver::Poll() {
  unsigned received = 0;
  rte_mbuf* frames[Port::kBurst];
  for (unsigned burst = 0; burst < kBursts; ++burst) {
    const uint16_t count = rte_eth_rx_burst(port_.id(), 0, frames, Port::kBurst);
    if (count == 0) break;
    const uint64_t now = rte_rdtsc();
    for (uint16_t i = 0; i < count; ++i) rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
    payload_count_ = 0;
    for (uint16_t i = 0; i < count; ++i)
      Sort(rte_pktmbuf_mtod(frames[i], const uint8_t*), frames[i]->data_len, now);
    for (unsigned i = 0; i < payload_count_; ++i) {
      const Payload& payload = payloads_[i];
      traffic_->Receive(payload.arrived, payload.view, payload.data, payload.size, now);
    }
    rte_pktmbuf_free_bulk(frames, count);
    received += count;
    if (count < Port::kBurst) break;
  }
  return received;
}

bool Receiver::Unwrap(Payload& payload) {
  const UdpView& view = payload.view;
  if (view.payload_size >= 4 && LoadBe16(view.payload) == kChannel) {
    payload.arrived = Direction::kToClient;
    payload.data = view.payload + 4;
    payload.size = LoadBe16(view.payload + 2);
    return payload.size + 4 <= view.payload_size;
  }
  if (!IsStun(view)) {
    payload.arrived = Direction::kToPeer;
    payload.data = view.payload;
    payload.size = view.payload_size;
    return true;
  }
  if (LoadBe16(view.payload) != kDataIndication) return false;
  const absl::Span<const uint8_t> data = DataOf(view);
  payload.arrived = Direction::kToClient;
  payload.data = data.data();
  payload.size = data.size();
  return true;
}

void Receiver::Sort(const uint8_t* frame, size_t size, uint64_t now) {
  Payload& payload = payloads_[payload_count_];
  if (!ReadUdp(frame, size, payload.view)) return host_.OnFrame(frame, size);
  if (!Unwrap(payload)) return OnStun(payload.view, now);
  if (traffic_ == nullptr) return;
  traffic_->Prefetch(payload.arrived, payload.data, payload.size);
  ++payload_count_;
}

void Receiver::OnStun(const UdpView& view, uint64_t now) {
  if (!IsStun(view)) return;
  const uint32_t tag = LoadBe32(view.payload + 16);
  for (const Sink& sink : sinks_) {
    if (sink.tag == tag) sink.response({view.payload, view.payload_size}, now);
  }
}

}  // namespace causeway::gen
