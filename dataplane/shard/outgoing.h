// What leaves of the packets that came. Stages describe datagrams; one place checks, writes and
// sends them, a burst at a time.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/ip/checksum.h"
#include "dataplane/shard/send.h"
#include "dataplane/shard/stun_wire.h"

namespace causeway {

/// What stands between the UDP header and the data: nothing, a ChannelData header (RFC 8656 section
/// 12.4) or the beginning of a Data indication (section 11.3).
class DataPrefix {
 public:
  static constexpr unsigned kChannel = 4;
  // STUN header, XOR-PEER-ADDRESS, header of DATA.
  static constexpr unsigned kIndicationV4 = 36;
  static constexpr unsigned kIndicationV6 = 48;
  using TransactionId = std::array<uint32_t, 3>;  // as in memory

  void SetNone() {
    size_ = 0;
    sum_ = 0;
  }
  void SetChannel(uint16_t number, uint16_t length) {
    words_[0] = Word(number, length);
    size_ = kChannel;
    sum_ = words_[0];
  }
  /// `padding` bytes follow the data.
  void SetDataIndication(const Endpoint& peer, uint16_t length, uint8_t padding,
                         const TransactionId& id);

  unsigned size() const { return size_; }
  ChecksumSum sum() const { return sum_; }
  void Write(uint8_t* at) const {
    switch (size_) {
      case 0:
        return;
      case kChannel:
        return void(std::memcpy(at, words_, kChannel));
      case kIndicationV4:
        return void(std::memcpy(at, words_, kIndicationV4));
      default:
        std::memcpy(at, words_, kIndicationV6);
    }
  }

 private:
  static uint32_t Word(unsigned high, unsigned low) { return __builtin_bswap32(high << 16 | low); }

  ChecksumSum sum_;
  uint8_t size_;
  uint32_t words_[kIndicationV6 / 4];  // as in memory
};

inline void DataPrefix::SetDataIndication(const Endpoint& peer, uint16_t length, uint8_t padding,
                                          const TransactionId& id) {
  const bool v4 = peer.address.IsV4();
  size_ = v4 ? kIndicationV4 : kIndicationV6;
  const uint32_t mask[4] = {__builtin_bswap32(wire::kCookie), id[0], id[1], id[2]};
  uint32_t* word = words_;
  *word++ = Word(wire::kDataIndication, size_ - wire::kHeaderSize + length + padding);
  for (const uint32_t each : mask) *word++ = each;
  *word++ = Word(wire::kXorPeerAddress, v4 ? 8 : 20);
  *word++ = Word(static_cast<unsigned>(peer.address.family()), peer.port ^ wire::kCookie >> 16);
  const uint8_t* address = v4 ? peer.address.v4_bytes() : peer.address.bytes();
  for (unsigned i = 0; i < (v4 ? 1u : 4u); ++i) *word++ = LoadRaw32(address + 4 * i) ^ mask[i];
  *word++ = Word(wire::kData, length);
  sum_ = 0;
  for (const uint32_t* each = words_; each != word; ++each) sum_ += *each;
}

inline DataPrefix::TransactionId NewTransactionId(ShardState& state) {
  const uint64_t first = state.Random();
  return {static_cast<uint32_t>(first), static_cast<uint32_t>(first >> 32),
          static_cast<uint32_t>(state.Random())};
}

/// A datagram to send in place of one that came. Whoever describes it has removed from the packet's
/// `old_sum` nothing but `data`: see UdpChecksumOf.
struct Outgoing {
  Packet* packet;
  uint8_t* data;  // application data, within the packet's buffer
  uint16_t size;  // of it
  Way way;
  uint8_t padding;          // zero bytes to append
  bool send_dont_fragment;  // of a Send indication with DONT-FRAGMENT
  /// The data is no longer what came (a keyed leg's): its checksum is computed, not carried over.
  /// Whoever sets it has made sure that what came was whole.
  bool payload_changed;
  NextHopId next_hop;
  Counter relayed;  // what it is counted as when it has left
  Leg leg;
  DataPrefix prefix;
  // What the check found.
  Fragmentation fragmentation;
  bool whole;  // fits as it is

  uint32_t UdpLength() const { return kUdpHeaderSize + prefix.size() + size + padding; }
};

/// A burst's worth, in the order in which they leave: at most one for each packet.
class OutgoingList {
 public:
  /// Room for one more. The caller fills in leg, next hop and prefix.
  Outgoing& Add(Packet& packet, Way way, Counter relayed, uint8_t* data, uint16_t size) {
    Outgoing& outgoing = items_[count_++];
    outgoing.packet = &packet;
    outgoing.data = data;
    outgoing.size = size;
    outgoing.way = way;
    outgoing.padding = 0;
    outgoing.send_dont_fragment = false;
    outgoing.payload_changed = false;
    outgoing.relayed = relayed;
    return outgoing;
  }
  Outgoing* begin() { return items_; }
  Outgoing* end() { return items_ + count_; }
  void Truncate(Outgoing* end) { count_ = static_cast<unsigned>(end - items_); }

 private:
  Outgoing items_[kBurst];
  unsigned count_ = 0;
};

/// Sum of `size` bytes that begin at an odd or even place of a datagram.
inline ChecksumSum SumAt(const uint8_t* data, size_t size, bool odd) {
  const ChecksumSum sum = SumBytes(data, size);
  return odd ? __builtin_bswap16(FoldChecksum(sum)) : sum;
}

/// The checksum field of a datagram of `udp_length` bytes to send. It is the incoming one less
/// `old_sum` of the packet, which holds all that was taken away, plus what is new: damage stays
/// visible (RFC 1624). It is computed afresh when the payload changed, and towards IPv6 when none
/// came; towards IPv4 none stays none.
template <bool kToV6>
inline uint16_t UdpChecksumOf(const Outgoing& outgoing, uint16_t udp_length) {
  const Packet& packet = *outgoing.packet;
  const ChecksumSum around = SumLeg<kToV6>(outgoing.leg, udp_length) + outgoing.prefix.sum();
  if (outgoing.payload_changed || packet.check == 0) [[unlikely]] {
    if (!kToV6 && !outgoing.payload_changed) return 0;
    return UdpChecksumField(around + kUdpProtocolWord + SumBytes(outgoing.data, outgoing.size));
  }
  const ChecksumSum data = static_cast<uint16_t>(~packet.check) +
                           ChecksumSum{static_cast<uint16_t>(~FoldChecksum(packet.old_sum))};
  return UdpChecksumField(data + around);
}

/// Sends all that may go: time to live, size and limits are asked, headers written, frames given to
/// the driver, held, cut or handed to another allocation of this node. Every one is counted, as
/// `relayed` or as a drop.
void SendOutgoing(ShardState& state, OutgoingList& list);

}  // namespace causeway
