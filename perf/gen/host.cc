#include "perf/gen/host.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/ip/checksum.h"

namespace causeway::gen {
namespace {

constexpr int kTries = 8;
constexpr auto kTryTime = std::chrono::milliseconds(500);

constexpr size_t kArpSize = kEthernetHeaderSize + 28;
constexpr uint16_t kArpRequest = 1;
constexpr uint16_t kArpReply = 2;

constexpr uint8_t kSolicitation = 135;
constexpr uint8_t kAdvertisement = 136;
constexpr uint8_t kSourceOption = 1;
constexpr uint8_t kTargetOption = 2;
constexpr size_t kIcmpAt = kEthernetHeaderSize + kIpv6HeaderSize;
constexpr size_t kTargetAt = kIcmpAt + 8;
constexpr size_t kOptionAt = kTargetAt + 16;
constexpr size_t kNdSize = kOptionAt + 8;

// An ICMPv6 message with a target and a link-layer address option (RFC 4861 sections 4.3, 4.4).
void WriteNd(uint8_t* frame, uint8_t type, const IpAddress& source, const IpAddress& destination,
             const IpAddress& target, const MacAddress& mac) {
  uint8_t* ip = frame + kEthernetHeaderSize;
  StoreBe16(frame + 12, 0x86dd);
  ip[0] = 0x60;
  StoreBe16(ip + 4, kNdSize - kIcmpAt);
  ip[6] = kProtocolIcmpV6;
  ip[7] = 255;
  std::memcpy(ip + 8, source.bytes(), 16);
  std::memcpy(ip + 24, destination.bytes(), 16);
  uint8_t* icmp = frame + kIcmpAt;
  icmp[0] = type;
  if (type == kAdvertisement) icmp[4] = 0x60;  // solicited, override
  std::memcpy(frame + kTargetAt, target.bytes(), 16);
  frame[kOptionAt] = type == kSolicitation ? kSourceOption : kTargetOption;
  frame[kOptionAt + 1] = 1;
  std::copy(mac.begin(), mac.end(), frame + kOptionAt + 2);
  const size_t length = kNdSize - kIcmpAt;
  const auto checksum = static_cast<uint16_t>(
      ~FoldChecksum(SumPseudoHeaderV6(ip + 8, kProtocolIcmpV6, length) + SumBytes(icmp, length)));
  std::memcpy(icmp + 2, &checksum, 2);
}

}  // namespace

absl::Status Host::Resolve(absl::FunctionRef<bool()> interrupted) {
  macs_.source = port_.mac();
  for (int attempt = 0; attempt < kTries; ++attempt) {
    if (options_.gateway.IsV4()) {
      SendArp(kArpRequest, options_.clients.AddressAt(0), {}, options_.gateway);
    } else {
      SendSolicitation();
    }
    port_.Flush();
    const auto deadline = std::chrono::steady_clock::now() + kTryTime;
    while (std::chrono::steady_clock::now() < deadline) {
      rte_mbuf* frames[Port::kBurst];
      const uint16_t count = rte_eth_rx_burst(port_.id(), 0, frames, Port::kBurst);
      for (uint16_t i = 0; i < count; ++i)
        OnFrame(rte_pktmbuf_mtod(frames[i], const uint8_t*), frames[i]->data_len);
      rte_pktmbuf_free_bulk(frames, count);
      port_.Flush();
      if (resolved_) return absl::OkStatus();
      if (interrupted()) return absl::CancelledError("interrupted");
      if (count == 0) std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
  const std::string& gateway = options_.gateway.ToString();
  return absl::UnavailableError(absl::StrCat(
      "no ", options_.gateway.IsV4() ? "ARP" : "neighbour discovery", " answer from ", gateway,
      " on ", port_.name(), " in 4 s: is ",
      options_.gateway == options_.server.address ? "the server" : "the gateway",
      " up and on this link? A server behind a router takes --gateway; ",
      options_.clients.AddressAt(0).ToString(), " (--client-address) must be in its network"));
}

void Host::OnFrame(const uint8_t* frame, size_t size) {
  if (size < kEthernetHeaderSize) return;
  const uint16_t type = LoadBe16(frame + 12);
  if (type == 0x0806) OnArp(frame, size);
  if (type == 0x86dd) OnIcmpV6(frame, size);
}

void Host::SendToServer(const Endpoint& client, absl::Span<const uint8_t> payload) {
  rte_mbuf* mbuf = port_.NewFrame();
  if (mbuf == nullptr) return;
  auto* frame = rte_pktmbuf_mtod(mbuf, uint8_t*);
  rte_memcpy(frame + HeadersSize(client.address.family()), payload.data(), payload.size());
  const size_t size = WriteHeaders(frame, macs_, client, options_.server, payload.size());
  mbuf->data_len = static_cast<uint16_t>(size);
  mbuf->pkt_len = static_cast<uint32_t>(size);
  port_.Send(mbuf);
}

void Host::Learn(const uint8_t* mac) {
  std::copy_n(mac, 6, macs_.destination.begin());
  resolved_ = true;
}

void Host::SendArp(uint16_t operation, const IpAddress& sender, const MacAddress& target_mac,
                   const IpAddress& target) {
  uint8_t frame[kArpSize] = {};
  const bool request = operation == kArpRequest;
  for (size_t i = 0; i < 6; ++i) frame[i] = request ? uint8_t{0xff} : target_mac[i];
  std::copy(macs_.source.begin(), macs_.source.end(), frame + 6);
  StoreBe16(frame + 12, 0x0806);
  uint8_t* arp = frame + kEthernetHeaderSize;
  StoreBe16(arp, 1);
  StoreBe16(arp + 2, 0x0800);
  arp[4] = 6;
  arp[5] = 4;
  StoreBe16(arp + 6, operation);
  std::copy(macs_.source.begin(), macs_.source.end(), arp + 8);
  std::memcpy(arp + 14, sender.v4_bytes(), 4);
  std::copy(target_mac.begin(), target_mac.end(), arp + 18);
  std::memcpy(arp + 24, target.v4_bytes(), 4);
  Transmit(frame);
}

void Host::OnArp(const uint8_t* frame, size_t size) {
  if (size < kArpSize) return;
  const uint8_t* arp = frame + kEthernetHeaderSize;
  if (LoadBe16(arp) != 1 || LoadBe16(arp + 2) != 0x0800 || arp[4] != 6 || arp[5] != 4) return;
  const IpAddress sender = IpAddress::FromV4Bytes(arp + 14);
  const IpAddress target = IpAddress::FromV4Bytes(arp + 24);
  if (LoadBe16(arp + 6) == kArpRequest && IsOurs(target)) {
    MacAddress mac;
    std::copy_n(arp + 8, mac.size(), mac.begin());
    SendArp(kArpReply, target, mac, sender);
  }
  if (sender == options_.gateway) Learn(arp + 8);
}

void Host::SendSolicitation() {
  uint8_t group[16] = {0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
  std::memcpy(group + 13, options_.gateway.bytes() + 13, 3);
  uint8_t frame[kNdSize] = {0x33, 0x33, 0xff, group[13], group[14], group[15]};
  std::copy(macs_.source.begin(), macs_.source.end(), frame + 6);
  WriteNd(frame, kSolicitation, options_.clients.AddressAt(0), IpAddress::FromV6Bytes(group),
          options_.gateway, macs_.source);
  Transmit(frame);
}

void Host::SendAdvertisement(const uint8_t* solicitation_frame, const IpAddress& target) {
  uint8_t frame[kNdSize] = {};
  std::copy_n(solicitation_frame + 6, 6, frame);
  std::copy(macs_.source.begin(), macs_.source.end(), frame + 6);
  WriteNd(frame, kAdvertisement, target,
          IpAddress::FromV6Bytes(solicitation_frame + kEthernetHeaderSize + 8), target,
          macs_.source);
  Transmit(frame);
}

void Host::OnIcmpV6(const uint8_t* frame, size_t size) {
  const uint8_t* ip = frame + kEthernetHeaderSize;
  if (size < kOptionAt || ip[6] != kProtocolIcmpV6 || ip[7] != 255) return;
  const uint8_t type = frame[kIcmpAt];
  const IpAddress target = IpAddress::FromV6Bytes(frame + kTargetAt);
  if (type == kSolicitation && IsOurs(target)) {
    SendAdvertisement(frame, target);
  } else if (type == kAdvertisement && target == options_.gateway) {
    Learn(size >= kNdSize && frame[kOptionAt] == kTargetOption ? frame + kOptionAt + 2 : frame + 6);
  }
}

void Host::Transmit(absl::Span<const uint8_t> frame) {
  rte_mbuf* mbuf = port_.NewFrame();
  if (mbuf == nullptr) return;
  char* out = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size()));
  std::memcpy(out, frame.data(), frame.size());
  port_.Send(mbuf);
}

}  // namespace causeway::gen
