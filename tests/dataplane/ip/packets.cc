#include "tests/dataplane/ip/packets.h"

#include <rte_eal.h>
#include <rte_mbuf.h>

#include <cstdlib>
#include <cstring>

namespace causeway::testing {
namespace {

rte_mempool* g_pool = nullptr;
rte_mempool* g_jumbo_pool = nullptr;

class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* arguments[] = {"ip_test",     "--no-huge", "--no-pci", "--no-telemetry",
                               "--no-shconf", "-m",        "128"};
    ASSERT_GE(rte_eal_init(std::size(arguments), const_cast<char**>(arguments)), 0);
    g_pool = rte_pktmbuf_pool_create("packets", PoolTest::kPoolSize, 0, 0,
                                     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    g_jumbo_pool =
        rte_pktmbuf_pool_create("jumbo", PoolTest::kJumboPoolSize, 0, 0, UINT16_MAX, SOCKET_ID_ANY);
    ASSERT_NE(g_pool, nullptr);
    ASSERT_NE(g_jumbo_pool, nullptr);
  }
};
const ::testing::Environment* const kEnvironment =
    ::testing::AddGlobalTestEnvironment(new EalEnvironment);

void Put16(Bytes& bytes, size_t value) {
  bytes.push_back(static_cast<uint8_t>(value >> 8));
  bytes.push_back(static_cast<uint8_t>(value));
}
void Put(Bytes& bytes, const void* data, size_t size) {
  const auto* p = static_cast<const uint8_t*>(data);
  bytes.insert(bytes.end(), p, p + size);
}

uint32_t ReferenceSum(std::span<const uint8_t> data, uint32_t sum) {
  for (size_t i = 0; i < data.size(); ++i) {
    sum += i % 2 == 0 ? uint32_t{data[i]} << 8 : data[i];
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

Bytes Ipv4Header(const PacketSpec& spec, size_t data_size) {
  const size_t header_size = 20 + spec.options.size();
  Bytes header = {static_cast<uint8_t>(0x40 | header_size / 4), static_cast<uint8_t>(spec.ecn)};
  Put16(header, header_size + data_size);
  Put16(header, spec.identification & 0xffff);
  Put16(header, spec.offset / 8 | (spec.more ? 0x2000 : 0));
  header.push_back(61);
  header.push_back(spec.protocol);
  Put16(header, 0);
  Put(header, spec.ends.source.v4_bytes(), 4);
  Put(header, spec.ends.destination.v4_bytes(), 4);
  Put(header, spec.options.data(), spec.options.size());
  const uint16_t checksum = ReferenceChecksum(header);
  header[10] = static_cast<uint8_t>(checksum >> 8);
  header[11] = static_cast<uint8_t>(checksum);
  return header;
}

Bytes Ipv6Header(const PacketSpec& spec, size_t data_size) {
  const bool fragment = spec.fragment_header;
  const uint8_t inner = fragment ? 44 : spec.protocol;
  Bytes header = {0x60, static_cast<uint8_t>(spec.ecn << 4), 0, 7};
  Put16(header, spec.options.size() + (fragment ? 8 : 0) + data_size);
  header.push_back(spec.options.empty() ? inner : spec.options_protocol);
  header.push_back(61);
  Put(header, spec.ends.source.bytes(), 16);
  Put(header, spec.ends.destination.bytes(), 16);
  if (!spec.options.empty()) {
    Put(header, spec.options.data(), spec.options.size());
    header[40] = inner;
  }
  if (fragment) {
    header.push_back(spec.protocol);
    header.push_back(0);
    Put16(header, spec.offset | (spec.more ? 1 : 0));
    Put16(header, spec.identification >> 16);
    Put16(header, spec.identification & 0xffff);
  }
  return header;
}

}  // namespace

uint16_t ReferenceChecksum(std::span<const uint8_t> data, uint32_t start) {
  return static_cast<uint16_t>(~ReferenceSum(data, start));
}

uint32_t ReferencePseudoSum(std::span<const uint8_t> l3, uint8_t protocol, size_t length) {
  const bool v4 = l3[0] >> 4 == 4;
  const uint32_t addresses = ReferenceSum(v4 ? l3.subspan(12, 8) : l3.subspan(8, 32), 0);
  return addresses + protocol + static_cast<uint32_t>(length);
}

Ends DefaultEnds(Family family) {
  const bool v4 = family == Family::kIpv4;
  return {IpAddress::Parse(v4 ? "198.51.100.7" : "2001:db8:1::7").value(),
          IpAddress::Parse(v4 ? "203.0.113.5" : "2001:db8::5").value()};
}

PacketSpec SpecFor(Family family) {
  PacketSpec spec;
  spec.family = family;
  spec.ends = DefaultEnds(family);
  return spec;
}

Bytes MakeFrame(const PacketSpec& spec, std::span<const uint8_t> data) {
  const bool v4 = spec.family == Family::kIpv4;
  Bytes frame = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
  Put16(frame, v4 ? 0x0800 : 0x86dd);
  const Bytes header = v4 ? Ipv4Header(spec, data.size()) : Ipv6Header(spec, data.size());
  Put(frame, header.data(), header.size());
  Put(frame, data.data(), data.size());
  return frame;
}

Bytes MakeFragment(PacketSpec spec, size_t offset, bool more, std::span<const uint8_t> data) {
  spec.fragment_header = true;
  spec.offset = offset;
  spec.more = more;
  return MakeFrame(spec, data);
}

Bytes RandomBytes(size_t size, uint32_t seed) {
  std::minstd_rand random(seed + 1);
  Bytes bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() >> 8);
  return bytes;
}

Bytes MakeUdp(Family family, size_t size, uint32_t seed) {
  Bytes udp = RandomBytes(size, seed);
  udp[4] = static_cast<uint8_t>(size >> 8);
  udp[5] = static_cast<uint8_t>(size);
  udp[6] = udp[7] = 0;
  const Bytes frame = MakeFrame(SpecFor(family), {});
  const uint32_t pseudo = ReferencePseudoSum(std::span(frame).subspan(14), 17, size);
  uint16_t checksum = ReferenceChecksum(udp, pseudo);
  if (checksum == 0) checksum = 0xffff;
  udp[6] = static_cast<uint8_t>(checksum >> 8);
  udp[7] = static_cast<uint8_t>(checksum);
  return udp;
}

rte_mempool* PoolTest::pool() { return g_pool; }
rte_mempool* PoolTest::jumbo_pool() { return g_jumbo_pool; }

rte_mbuf* PoolTest::ToMbuf(const Bytes& frame) {
  const bool small = frame.size() <= RTE_MBUF_DEFAULT_DATAROOM;
  rte_mbuf* mbuf = rte_pktmbuf_alloc(small ? g_pool : g_jumbo_pool);
  if (mbuf == nullptr) std::abort();  // the test itself took too many
  char* room = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(frame.size()));
  if (room == nullptr) std::abort();
  if (!frame.empty()) std::memcpy(room, frame.data(), frame.size());
  return mbuf;
}

Bytes PoolTest::ToBytes(const rte_mbuf* mbuf) {
  EXPECT_EQ(mbuf->nb_segs, 1);
  EXPECT_EQ(mbuf->pkt_len, mbuf->data_len);
  const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
  return Bytes(data, data + mbuf->data_len);
}

Bytes PoolTest::Take(rte_mbuf* mbuf) {
  if (mbuf == nullptr) return {};
  Bytes bytes = ToBytes(mbuf);
  rte_pktmbuf_free(mbuf);
  return bytes;
}

void PoolTest::TearDown() {
  EXPECT_EQ(rte_mempool_avail_count(g_pool), kPoolSize) << "packet buffers leaked";
  EXPECT_EQ(rte_mempool_avail_count(g_jumbo_pool), kJumboPoolSize) << "jumbo buffers leaked";
}

EmptiedPool::EmptiedPool(rte_mempool* pool) {
  while (rte_mbuf* mbuf = rte_pktmbuf_alloc(pool)) held_.push_back(mbuf);
}
EmptiedPool::~EmptiedPool() {
  for (rte_mbuf* mbuf : held_) rte_pktmbuf_free(mbuf);
}

}  // namespace causeway::testing
