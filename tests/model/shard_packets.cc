// Packets into the node of shards, and what comes out held against the model.
#include <algorithm>
#include <sstream>

#include "tests/model/shard_world.h"

namespace causeway::testing {

using model::Arrival;
using model::Draw;
using model::Fate;

namespace {

constexpr uint8_t kTtl = 64;

std::string Hex(const Bytes& bytes) {
  std::ostringstream text;
  for (const uint8_t byte : bytes) text << std::hex << (byte >> 4) << (byte & 15);
  return text.str();
}

// What must leave, with the transaction id of what did.
Datagram Expected(const ModelFrame& frame, const Datagram& sent) {
  const Fate& fate = frame.fate;
  Datagram expected = sent;
  expected.source = fate.from;
  expected.destination = fate.to;
  expected.ttl = static_cast<uint8_t>(kTtl - fate.hops);
  expected.tos = frame.datagram.tos;
  for (const Fate::Relayed& relayed : fate.relayed) {
    if (relayed.mark == SetMarking::kKeep) continue;
    expected.tos = static_cast<uint8_t>(relayed.mark << 2 | (expected.tos & 3));
  }
  expected.payload = frame.data;
  if (fate.form == Fate::kChannelData) expected.payload = ChannelData(fate.number, frame.data);
  if (fate.form == Fate::kDataIndication && sent.payload.size() >= 20) {
    expected.payload = DataIndication(fate.peer, frame.data, Slice(sent.payload, 8, 20));
  }
  return expected;
}

std::string Describe(const Datagram& datagram) {
  std::ostringstream text;
  text << datagram.source.ToString() << " > " << datagram.destination.ToString() << " ttl "
       << int{datagram.ttl} << " tos " << int{datagram.tos}
       << (datagram.check == Check::kRight && datagram.ip_checksum_right ? "" : " bad checksum")
       << " " << Hex(datagram.payload);
  return text.str();
}

std::vector<Bytes> AllWithoutChance(const std::vector<Bytes>& sent) {
  std::vector<Bytes> frames;
  for (const Bytes& frame : sent) frames.push_back(WithoutChance(frame));
  std::sort(frames.begin(), frames.end());
  return frames;
}

}  // namespace

Arrival ShardWorld::DrawFromPeer(Draw& draw) {
  const auto slot = AnAllocation(draw);
  Arrival arrival = {Arrival::kFromPeer, static_cast<ShardId>(draw.Below(2)), APeerOf(slot, draw),
                     At(draw.OneIn(2) ? "192.0.2.1:50099" : "[2001:db8::1]:50099")};
  if (slot && !draw.OneIn(8)) {
    const auto& allocation = model_->allocations.at(*slot);
    const Family family = arrival.from.address.family();
    const Family other = family == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
    arrival.to = model_->Relayed(allocation, allocation.Has(family) ? family : other);
    if (!draw.OneIn(3)) arrival.shard = slot->first;
  }
  // A datagram has addresses of one family.
  if (arrival.to.address.family() != arrival.from.address.family()) {
    arrival.from = At(arrival.to.address.IsV4() ? kPeerV4 : kPeerV6);
  }
  return arrival;
}

Arrival ShardWorld::DrawFromClient(Draw& draw) {
  const auto slot = AnAllocation(draw);
  const bool known = slot && !draw.OneIn(8);
  const Endpoint client = known ? model_->allocations.at(*slot).tuple.client : AClient(draw);
  const bool at_owner = known && !draw.OneIn(3);
  Arrival arrival = {draw.OneIn(3) ? Arrival::kSend : Arrival::kChannelData,
                     at_owner ? slot->first : static_cast<ShardId>(draw.Below(2)), client,
                     APeerOf(slot, draw), ANumberOf(slot, draw)};
  if (draw.OneIn(16)) arrival.to.port = 0;
  return arrival;
}

ModelFrame ShardWorld::DrawFrame(Draw& draw) {
  ModelFrame frame;
  frame.data = Counting(draw.OneIn(8) ? draw.Below(900) : draw.Below(40));
  frame.arrival = draw.OneIn(2) ? DrawFromPeer(draw) : DrawFromClient(draw);
  const Arrival& arrival = frame.arrival;
  Datagram& datagram = frame.datagram;
  datagram.source = arrival.from;
  datagram.destination = At(arrival.from.address.IsV4() ? kServerV4 : kServerV6);
  datagram.payload = frame.data;
  if (arrival.kind == Arrival::kFromPeer) datagram.destination = arrival.to;
  if (arrival.kind == Arrival::kSend) datagram.payload = SendIndication(arrival.to, frame.data);
  if (arrival.kind == Arrival::kChannelData) {
    datagram.payload = ChannelData(arrival.number, frame.data);
  }
  datagram.ttl = kTtl;
  datagram.tos = static_cast<uint8_t>(draw.Below(256));
  datagram.df = draw.OneIn(2);
  frame.fate = model_->Decide(arrival, now_);
  return frame;
}

ShardWorld::Outcome ShardWorld::Observe() {
  Turn(4);
  Outcome outcome;
  outcome.sent = Sent();
  outcome.moved = Moved();
  outcome.moved.erase("rx_packets");
  outcome.moved.erase("handoff_received");
  for (const EventRecord& event : Events()) {
    if (event.kind != EventRecord::kUnknownClient) Fail("a packet raised another event");
    if (event.kind == EventRecord::kUnknownClient &&
        !outcome.moved.contains("drop_no_allocation")) {
      Fail("a known client was called unknown: " + event.tuple.client.ToString());
    }
  }
  return outcome;
}

void ShardWorld::Compare(const char* path, const std::vector<ModelFrame>& frames,
                         const Outcome& outcome) {
  std::map<std::string, uint64_t> counters;
  std::vector<const ModelFrame*> missing;
  for (const ModelFrame& frame : frames) {
    for (const auto& [name, count] : frame.fate.counters) counters[name] += count;
    if (frame.fate.form != Fate::kNothing) missing.push_back(&frame);
  }
  std::ostringstream why;
  if (outcome.moved != counters) {
    why << "\ncounters:";
    for (const auto& [name, count] : outcome.moved) why << " " << name << " " << count;
  }
  for (const Bytes& bytes : outcome.sent) {
    const Datagram sent = Datagram::Decode(bytes);
    const auto match = std::find_if(missing.begin(), missing.end(), [&](const ModelFrame* frame) {
      Datagram expected = Expected(*frame, sent);
      expected.check = Check::kRight;
      expected.ip_checksum_right = true;
      return Describe(expected) == Describe(sent);
    });
    if (match == missing.end()) {
      why << "\nnot to leave: " << Describe(sent);
    } else {
      missing.erase(match);
    }
  }
  for (const ModelFrame* frame : missing) why << "\ndid not leave: " << frame->fate.ToString();
  if (!why.str().empty()) Fail(std::string(path) + " path differs:" + why.str());
}

void ShardWorld::CompareMeters() {
  for (const auto& [slot, allocation] : model_->allocations) {
    const MeterReading meter = shards_[slot.first]->ReadMeter(slot.second);
    if (meter.to_peer == allocation.meter.to_peer &&
        meter.to_client == allocation.meter.to_client) {
      continue;
    }
    std::ostringstream why;
    why << "the meter of " << slot.second << " on shard " << int{slot.first} << " says "
        << meter.to_peer.packets << " packets and " << meter.to_peer.bytes << " bytes to peers, "
        << meter.to_client.packets << " and " << meter.to_client.bytes << " to the client";
    Fail(why.str());
  }
}

// A burst by the link, and the same one by the general stages.
void ShardWorld::Packets(Draw& draw) {
  std::vector<ModelFrame> frames;
  for (uint32_t n = 1 + draw.Below(4); n > 0; --n) {
    frames.push_back(DrawFrame(draw));
    const ModelFrame& frame = frames.back();
    static const char* const kKinds[] = {"ChannelData", "Send", "datagram"};
    Log("shard " + std::to_string(frame.arrival.shard) + " gets " + kKinds[frame.arrival.kind] +
        " of " + std::to_string(frame.data.size()) + " from " + frame.arrival.from.ToString() +
        (frame.arrival.kind == Arrival::kChannelData
             ? " number " + std::to_string(frame.arrival.number)
             : " to " + frame.arrival.to.ToString()) +
        "; model: " + frame.fate.ToString());
    if (frame.fate.form != Fate::kNothing) ++result_.relayed;
  }
  for (const ModelFrame& frame : frames) Arrive(frame.datagram.Encode(), frame.arrival.shard);
  const Outcome fast = Observe();
  Compare("fast", frames, fast);
  for (const ModelFrame& frame : frames) {
    ArriveForGeneralStages(frame.datagram.Encode(), frame.arrival.shard);
  }
  const Outcome general = Observe();
  Compare("general", frames, general);
  for (const ModelFrame& frame : frames) {
    model_->Count(frame.fate, frame.data.size());
    model_->Count(frame.fate, frame.data.size());
  }
  CompareMeters();
  if (AllWithoutChance(fast.sent) != AllWithoutChance(general.sent)) {
    Fail("the fast and the general path send different bytes");
  }
}

// About a packet of an allocation most often, else of a port that may be nobody's.
std::pair<ShardId, RelayIcmp> ShardWorld::DrawIcmpError(Draw& draw) {
  const auto slot = AnAllocation(draw);
  const Endpoint peer = APeerOf(slot, draw);
  const RelayPort nobodys = {static_cast<uint16_t>(peer.address.IsV4() ? 0 : 1),
                             PortOf(0, draw.Below(4))};
  RelayIcmp error = {nobodys, peer, static_cast<uint8_t>(draw.Below(256)),
                     static_cast<uint8_t>(draw.Below(256)), draw.Below(1u << 31)};
  if (!slot || draw.OneIn(4)) return {ShardId{0}, error};
  const RelayPort& relay = model_->allocations.at(*slot).Relay(peer.address.family());
  if (!relay.IsSet()) return {ShardId{0}, error};
  error.relay = relay;
  return {slot->first, error};
}

void ShardWorld::IcmpError(Draw& draw) {
  const auto [shard, error] = DrawIcmpError(draw);
  const Fate fate = model_->Decide(shard, error, now_);
  Log("shard " + std::to_string(shard) + " hears of an ICMP error about port " +
      std::to_string(error.relay.port) + " and peer " + error.peer.ToString() +
      "; model: " + fate.ToString());
  Command(error, shard);
  const Outcome outcome = Observe();
  if (outcome.moved != fate.counters) Fail("an ICMP error moved other counters");
  if (outcome.sent.size() != (fate.form == Fate::kNothing ? 0u : 1u)) {
    return Fail("an ICMP error became " + std::to_string(outcome.sent.size()) + " datagrams");
  }
  if (fate.form == Fate::kNothing) return;
  ++result_.relayed;
  const Datagram sent = Datagram::Decode(outcome.sent[0]);
  const Bytes id = sent.payload.size() < 20 ? Bytes(12) : Slice(sent.payload, 8, 20);
  Datagram expected = sent;
  expected.source = fate.from;
  expected.destination = fate.to;
  expected.ttl = kTtl;
  const Bytes icmp = Bytes{0, 0, error.type, error.code} + Be32(error.error_data);
  expected.payload = Stun(0x0017, XorAddress(0x0012, fate.peer, id) + Attribute(0x8004, icmp), id);
  if (Describe(expected) != Describe(sent)) {
    Fail("not to leave: " + Describe(sent) + "\nbut: " + Describe(expected));
  }
}

}  // namespace causeway::testing
