// The XDP program, run by the kernel over a table of frames (BPF_PROG_TEST_RUN).
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <map>

#include "dataplane/link/causeway_xdp.h"
#include "dataplane/link/xdp_filter.h"
#include "tests/dataplane/link/frames.h"

namespace causeway {
namespace {

constexpr int kPass = XDP_PASS;
constexpr int kOurs = XDP_REDIRECT;
constexpr uint16_t kListen = 3478;

NodeConfig Node() {
  NodeConfig node;
  node.listen_addresses = {*IpAddress::Parse("192.0.2.1"), *IpAddress::Parse("2001:db8::1")};
  node.listen_port = kListen;
  node.relay_port_first = 50000;
  node.relay_port_last = 50999;
  return node;
}

std::vector<Prefix> Relays() {
  return {*Prefix::Parse("192.0.2.0/30"), *Prefix::Parse("198.51.100.7"),
          *Prefix::Parse("2001:db8:1::/48")};
}

class XdpProgram : public testing::Test {
 protected:
  void SetUp() override {
    const auto object = XdpObject();
    object_ = bpf_object__open_mem(object.data(), object.size(), nullptr);
    ASSERT_NE(object_, nullptr);
    ASSERT_EQ(bpf_object__load(object_), 0) << "this test needs root";
    program_ = bpf_program__fd(bpf_object__find_program_by_name(object_, CAUSEWAY_PROGRAM));
    bpf_prog_info info = {};
    uint32_t size = sizeof(info);
    ASSERT_EQ(bpf_obj_get_info_by_fd(program_, &info, &size), 0);
    id_ = info.id;
    socket_ = UniqueFd(socket(AF_XDP, SOCK_RAW, 0));
    AddSocket();
  }
  void TearDown() override { bpf_object__close(object_); }

  void Fill() { ASSERT_TRUE(FillFilter(id_, Node(), Relays()).ok()); }
  int Map(const char* name) { return bpf_object__find_map_fd_by_name(object_, name); }
  void AddSocket() {
    const uint32_t queue = 0;
    const int fd = socket_.get();
    ASSERT_EQ(bpf_map_update_elem(Map(CAUSEWAY_SOCKETS_MAP), &queue, &fd, BPF_ANY), 0);
  }
  void RemoveSocket() {
    const uint32_t queue = 0;
    ASSERT_EQ(bpf_map_delete_elem(Map(CAUSEWAY_SOCKETS_MAP), &queue), 0);
  }
  int Run(const Frame& frame) {
    Frame out(4096);
    bpf_test_run_opts options = {};
    options.sz = sizeof(options);
    options.data_in = frame.data();
    options.data_size_in = static_cast<uint32_t>(frame.size());
    options.data_out = out.data();
    options.data_size_out = static_cast<uint32_t>(out.size());
    options.repeat = 1;
    EXPECT_EQ(bpf_prog_test_run_opts(program_, &options), 0);
    out.resize(options.data_size_out);
    EXPECT_EQ(out, frame) << "the program never changes a frame";
    return static_cast<int>(options.retval);
  }

  bpf_object* object_ = nullptr;
  int program_ = -1;
  uint32_t id_ = 0;
  UniqueFd socket_;
};

TEST_F(XdpProgram, PassesEverythingUntilFilled) {
  EXPECT_EQ(Run(Udp({.to = "192.0.2.1", .port = kListen})), kPass);
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1", .port = kListen})), kPass);
  EXPECT_EQ(Run(Udp({.to = "192.0.2.1", .port = 0})), kPass);
}

TEST_F(XdpProgram, TakesOurAddressesAndPortsOnly) {
  Fill();
  const struct {
    const char* to;
    uint16_t port;
    int verdict;
  } kTable[] = {
      {"192.0.2.1", kListen, kOurs},        {"192.0.2.1", 3477, kPass},
      {"192.0.2.1", 3479, kPass},           {"192.0.2.1", 0, kPass},
      {"192.0.2.1", 50000, kOurs},          {"192.0.2.1", 50999, kOurs},
      {"192.0.2.1", 49999, kPass},          {"192.0.2.1", 51000, kPass},
      {"192.0.2.2", kListen, kPass},        {"192.0.2.3", 50500, kOurs},
      {"192.0.2.4", 50500, kPass},          {"198.51.100.7", 50500, kOurs},
      {"198.51.100.7", kListen, kPass},     {"198.51.100.8", 50500, kPass},
      {"2001:db8::1", kListen, kOurs},      {"2001:db8::1", 50500, kPass},
      {"2001:db8::2", kListen, kPass},      {"2001:db8:1::1", 50000, kOurs},
      {"2001:db8:1:ffff::9", 50999, kOurs}, {"2001:db8:1::1", 49999, kPass},
      {"2001:db8:2::1", 50500, kPass},      {"2001:db8:1::1", kListen, kPass},
  };
  for (const auto& row : kTable) {
    EXPECT_EQ(Run(Udp({.to = row.to, .port = row.port})), row.verdict) << row.to << " " << row.port;
  }
}

TEST_F(XdpProgram, PassesWhenTheQueueHasNoSocket) {
  Fill();
  RemoveSocket();
  EXPECT_EQ(Run(Udp({.to = "192.0.2.1", .port = kListen})), kPass);
}

TEST_F(XdpProgram, PassesOtherProtocolsAndTaggedFrames) {
  Fill();
  Frame tcp = Udp({.to = "192.0.2.1", .port = kListen, .protocol = 6});
  EXPECT_EQ(Run(tcp), kPass);
  EXPECT_EQ(Run(Udp({.to = "192.0.2.1", .port = kListen, .protocol = 1})), kPass);
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1", .port = kListen, .protocol = 58})), kPass);
  Frame tagged = Udp({.to = "192.0.2.1", .port = kListen});
  const uint8_t tag[4] = {0x81, 0x00, 0x00, 0x05};
  tagged.insert(tagged.begin() + 12, tag, tag + 4);
  EXPECT_EQ(Run(tagged), kPass);
  Frame arp(60);
  arp[12] = 0x08;
  arp[13] = 0x06;
  EXPECT_EQ(Run(arp), kPass);
}

TEST_F(XdpProgram, ReadsIpv4Options) {
  Fill();
  for (int words : {1, 5, 10}) {
    EXPECT_EQ(Run(Udp({.to = "192.0.2.1", .port = kListen, .option_words = words})), kOurs)
        << words;
    EXPECT_EQ(Run(Udp({.to = "192.0.2.1", .port = 9, .option_words = words})), kPass) << words;
  }
}

TEST_F(XdpProgram, WalksIpv6ExtensionHeaders) {
  Fill();
  constexpr uint8_t kHopByHop = 0;
  constexpr uint8_t kRouting = 43;
  constexpr uint8_t kDestination = 60;
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1", .port = kListen, .extensions = {kHopByHop}})), kOurs);
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1",
                     .port = kListen,
                     .extensions = {kHopByHop, kDestination, kRouting, kDestination}})),
            kOurs);
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1", .port = 9, .extensions = {kDestination}})), kPass);
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1",
                     .port = kListen,
                     .extensions = std::vector<uint8_t>(7, kDestination)})),
            kPass)
      << "more headers than the program walks";
}

TEST_F(XdpProgram, FragmentsFollowTheFirstOfTheirDatagram) {
  Fill();
  for (const char* to : {"192.0.2.1", "2001:db8::1"}) {
    const FrameSpec first = {.to = to, .port = kListen, .fragment = FragmentSpec{7, 0, true}};
    const FrameSpec rest = {.to = to, .fragment = FragmentSpec{7, 1024, false}};
    EXPECT_EQ(Run(Udp(rest)), kPass) << "its first fragment was not seen";
    EXPECT_EQ(Run(Udp(first)), kOurs);
    EXPECT_EQ(Run(Udp(rest)), kOurs);
    EXPECT_EQ(Run(Udp({.to = to, .fragment = FragmentSpec{7, 2048, true}})), kOurs);
    EXPECT_EQ(Run(Udp({.to = to, .fragment = FragmentSpec{8, 1024, false}})), kPass);

    EXPECT_EQ(Run(Udp({.to = to, .port = 9, .fragment = FragmentSpec{9, 0, true}})), kPass);
    EXPECT_EQ(Run(Udp({.to = to, .fragment = FragmentSpec{9, 1024, false}})), kPass);
  }
  EXPECT_EQ(
      Run(Udp(
          {.to = "192.0.2.1", .from = "203.0.113.77", .fragment = FragmentSpec{7, 1024, false}})),
      kPass)
      << "another sender's datagram with the same number";
}

TEST_F(XdpProgram, ForgetsADatagramThatTakesTooLong) {
  Fill();
  ASSERT_EQ(Run(Udp({.to = "192.0.2.1", .port = kListen, .fragment = FragmentSpec{5, 0, true}})),
            kOurs);
  causeway_fragment_key key = {};
  const int map = Map(CAUSEWAY_FRAGMENTS_MAP);
  ASSERT_EQ(bpf_map_get_next_key(map, nullptr, &key), 0);
  uint64_t first = 0;
  ASSERT_EQ(bpf_map_lookup_elem(map, &key, &first), 0);
  first -= CAUSEWAY_FRAGMENT_NS;
  ASSERT_EQ(bpf_map_update_elem(map, &key, &first, BPF_ANY), 0);
  EXPECT_EQ(Run(Udp({.to = "192.0.2.1", .fragment = FragmentSpec{5, 1024, false}})), kPass);
}

TEST_F(XdpProgram, AtomicIpv6FragmentIsAWholeDatagram) {
  Fill();
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1", .port = kListen, .fragment = FragmentSpec{3, 0, false}})),
            kOurs);
  EXPECT_EQ(Run(Udp({.to = "2001:db8::1", .fragment = FragmentSpec{3, 8, false}})), kPass);
}

TEST_F(XdpProgram, PassesFramesCutShort) {
  Fill();
  for (const FrameSpec& spec : {FrameSpec{.to = "192.0.2.1", .port = kListen, .option_words = 3},
                                FrameSpec{.to = "2001:db8::1",
                                .port = kListen,
                                .extensions = {0, 60},
                                .fragment = FragmentSpec{1, 0, true}}}) {
    const Frame whole = Udp(spec);
    const size_t headers = whole.size() - spec.payload;
    for (size_t size = 14; size < headers; ++size) {
      EXPECT_EQ(Run(Frame(whole.begin(), whole.begin() + static_cast<long>(size))), kPass) << size;
    }
    EXPECT_EQ(Run(Frame(whole.begin(), whole.begin() + static_cast<long>(headers))), kOurs);
  }
}

TEST(FilterEntries, AnEntryCarriesTheBitsOfThePrefixesAroundIt) {
  NodeConfig node = Node();
  const std::vector<Prefix> relays = {*Prefix::Parse("192.0.2.0/24"),
                                      *Prefix::Parse("2001:db8::/32"),
                                      *Prefix::Parse("198.51.100.7")};
  std::map<std::string, uint32_t> flags;
  for (const FilterEntry& entry : FilterEntries(node, relays)) {
    flags[entry.prefix.address.ToString()] = entry.flags;
  }
  const std::map<std::string, uint32_t> wanted = {
      {"192.0.2.0", CAUSEWAY_RELAY},
      {"192.0.2.1", CAUSEWAY_LISTEN | CAUSEWAY_RELAY},
      {"198.51.100.7", CAUSEWAY_RELAY},
      {"2001:db8::", CAUSEWAY_RELAY},
      {"2001:db8::1", CAUSEWAY_LISTEN | CAUSEWAY_RELAY}};
  EXPECT_EQ(flags, wanted);
}

TEST(FilterEntries, WithoutPrefixesTheRelayAddressesCount) {
  NodeConfig node;
  node.relay_addresses = {*IpAddress::Parse("198.51.100.9")};
  const auto entries = FilterEntries(node, {});
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].prefix, Prefix::Host(node.relay_addresses[0]));
  EXPECT_EQ(entries[0].flags, CAUSEWAY_RELAY);
}

}  // namespace
}  // namespace causeway
