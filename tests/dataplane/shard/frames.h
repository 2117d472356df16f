// STUN and TURN messages as tests write them down, for the payload of datagrams.
#pragma once

#include "tests/dataplane/wire.h"

namespace causeway::testing {

using wire::AddressBytes;
using wire::At;
using wire::Be16;
using wire::Be32;
using wire::Bytes;
using wire::Check;
using wire::Counting;
using wire::Datagram;
using wire::operator+;
using wire::ReferenceChecksum;
using wire::Slice;
using wire::Text;

Bytes ChannelData(uint16_t number, const Bytes& data);
Bytes Attribute(uint16_t type, const Bytes& value);
Bytes XorAddress(uint16_t type, const Endpoint& endpoint, const Bytes& transaction_id);
/// A message with its header; `fingerprint`: 0 none, 1 right, 2 wrong.
Bytes Stun(uint16_t type, const Bytes& attributes, const Bytes& transaction_id,
           int fingerprint = 0);
Bytes Transaction();
Bytes SendIndication(const Endpoint& peer, const Bytes& data, const Bytes& more = {});
Bytes DataIndication(const Endpoint& peer, const Bytes& data, const Bytes& transaction_id);

/// A relayed frame without what is drawn anew for each: the identification of a packet or of its
/// fragments, and a Data indication's transaction id with all that it changes.
Bytes WithoutChance(Bytes frame);

/// Cuts an IPv4 frame without options, or an IPv6 frame without extension headers, in two; the
/// first fragment has `at` bytes of the IP payload, a multiple of 8.
std::vector<Bytes> CutV4(const Bytes& frame, size_t at);
std::vector<Bytes> CutV6(const Bytes& frame, size_t at);

}  // namespace causeway::testing
