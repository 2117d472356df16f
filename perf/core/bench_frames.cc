#include "perf/core/bench_frames.h"

#include <cstring>

#include "dataplane/byte_order.h"
#include "perf/gen/frames.h"

namespace causeway::bench {
namespace {

constexpr gen::MacPair kMacs = {{2, 2, 2, 2, 2, 2}, {2, 2, 2, 2, 2, 2}};
constexpr unsigned kChannelHeader = 4;
constexpr unsigned kSendHeader = 36;  // up to the value of DATA
constexpr uint32_t kMagicCookie = 0x2112A442;

unsigned WriteSendHeader(const Endpoint& peer, uint8_t* p) {
  std::memset(p, 7, kSendHeader);
  StoreBe16(p, 0x0016);
  StoreBe16(p + 2, 12 + 4 + kPayload);
  StoreBe32(p + 4, kMagicCookie);
  StoreBe32(p + 20, 0x00120008);
  StoreBe16(p + 24, 1);
  StoreBe16(p + 26, peer.port ^ kMagicCookie >> 16);
  StoreBe32(p + 28, peer.address.v4() ^ kMagicCookie);
  StoreBe32(p + 32, 0x00130000 | kPayload);
  return kSendHeader;
}

// What comes before the data; returns its size.
unsigned WritePrefix(const Datagram& datagram, const Parties& parties, uint8_t* p) {
  if (datagram.direction == Direction::kToClient) return 0;
  if (datagram.form == Form::kIndication) {
    return WriteSendHeader(parties.peers[datagram.channel], p);
  }
  StoreBe16(p, kFirstChannel + datagram.channel);
  StoreBe16(p + 2, kPayload);
  return kChannelHeader;
}

}  // namespace

unsigned WriteFrame(const Datagram& datagram, const Parties& parties, uint8_t* frame) {
  const bool to_peer = datagram.direction == Direction::kToPeer;
  const Endpoint& from = to_peer ? parties.client : parties.peers[datagram.channel];
  const Endpoint& to = to_peer ? parties.server : parties.relay;
  uint8_t* payload = frame + gen::HeadersSize(from.address.family());
  const unsigned size = WritePrefix(datagram, parties, payload) + kPayload;
  const size_t frame_size = gen::WriteHeaders(frame, kMacs, from, to, size);
  if (!datagram.checksum) StoreBe16(payload - 2, 0);
  return static_cast<unsigned>(frame_size);
}

}  // namespace causeway::bench
