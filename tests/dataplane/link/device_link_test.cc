// DPDK devices as links, with the kernel's mirror of them; in a network namespace.
#include <absl/strings/escaping.h>
#include <gtest/gtest.h>

#include "dataplane/link/port.h"
#include "tests/dataplane/link/frames.h"
#include "tests/dataplane/link/holder.h"

namespace causeway {
namespace {

class DeviceLinkTest : public testing::Test {
 protected:
  std::string StartFails(const std::string& device, const std::string& workers = "1") {
    Holder holder(node_, {"device=" + device, "workers=" + workers});
    const std::string line = holder.WaitFor("error");
    EXPECT_EQ(holder.Wait(), 1);
    return line;
  }
  Namespace node_{"device"};
};

TEST_F(DeviceLinkTest, MirrorHasThePortsAddressAndCarriesFrames) {
  Holder holder(node_, {"device=net_ring0", "listen=192.0.2.1", "relay=198.51.100.0/24",
                        "mirror=192.0.2.1/24"});
  const std::string ready = holder.WaitFor("ready");
  ASSERT_TRUE(absl::StartsWith(ready, "ready interface=causeway0 mtu=1500 mac=")) << ready;
  EXPECT_TRUE(absl::EndsWith(ready, " partial=0 kernel=0")) << ready;
  const std::string mac = ready.substr(ready.find("mac=") + 4, 12);
  std::string interface_mac = node_.Output("cat /sys/class/net/causeway0/address");
  interface_mac.erase(std::remove_if(interface_mac.begin(), interface_mac.end(),
                                     [](char c) { return c == ':' || c == '\n'; }),
                      interface_mac.end());
  EXPECT_EQ(interface_mac, mac);
  ASSERT_EQ(holder.WaitFor("serving"), "serving");

  // Who has `last`? Tell 192.0.2.9.
  for (const std::string& target : {std::string("c0000201"), std::string("c6336405")}) {
    holder.Send("mirror ffffffffffff0200000000090806" + std::string("0001080006040001") +
                "020000000009" + "c0000209" + "000000000000" + target);
    EXPECT_EQ(holder.WaitFor("mirror 020000000009" + mac + "0806"),
              "mirror 020000000009" + mac + "0806" + "0001080006040002" + mac + target +
                  "020000000009" + "c0000209");
  }
  EXPECT_EQ(holder.Quit(), 0);
  EXPECT_FALSE(node_.Do("ip link show causeway0"));
}

TEST_F(DeviceLinkTest, MirrorsTakeTheNextFreeNumber) {
  Holder first(node_, {"device=net_ring0"});
  ASSERT_EQ(first.WaitFor("serving"), "serving");
  Holder second(node_, {"device=net_ring0"});
  EXPECT_TRUE(absl::StartsWith(second.WaitFor("ready"), "ready interface=causeway1 "));
}

TEST_F(DeviceLinkTest, PortCarriesFrames) {
  Holder holder(node_, {"device=net_ring0"});
  ASSERT_EQ(holder.WaitFor("serving"), "serving");
  const Frame frame = Udp({.to = "192.0.2.1", .port = 3478});
  const std::string hex = absl::BytesToHexString(std::string(frame.begin(), frame.end()));
  holder.Send("tx " + hex);
  EXPECT_EQ(holder.WaitFor("rx "), "rx 0 " + hex) << "the ring device is a loop";
}

TEST_F(DeviceLinkTest, TapDeviceMayBringUnfinishedChecksums) {
  Holder holder(node_, {"device=net_tap0,iface=cwtap0"});
  const std::string ready = holder.WaitFor("ready");
  EXPECT_TRUE(absl::EndsWith(ready, " partial=1 kernel=0")) << ready;
}

TEST_F(DeviceLinkTest, SaysWhyADriverLeavesPeersToTheHandOff) {
  Holder tap(node_, {"device=net_tap0,iface=cwtap0", "workers=2", "relay=198.51.100.1/32"});
  const std::string refused = tap.WaitFor("steering ");
  EXPECT_TRUE(absl::StartsWith(
      refused,
      "steering datagrams come by RSS, and are handed off when they are another worker's; "
      "driver net_tap refuses flow rules: "))
      << refused;
  EXPECT_TRUE(absl::EndsWith(refused, "; and RSS by relay port: it has no redirection table"))
      << refused;
  ASSERT_TRUE(node_.Do("ip link set lo up"));
  Holder packet(node_,
                {"device=net_af_packet0,iface=lo,qpairs=2", "workers=2", "relay=198.51.100.1/32"});
  const std::string none = packet.WaitFor("steering ");
  EXPECT_TRUE(absl::StartsWith(none, "steering datagrams come as driver net_af_packet pleases"))
      << none;
  EXPECT_TRUE(absl::EndsWith(none, "; and RSS by relay port: it has none")) << none;
}

// The null driver has no wire, but keeps a key and a redirection table.
TEST_F(DeviceLinkTest, SetsKeyAndTableOfADeviceThatHasNoFlowRules) {
  const std::string device = "device=net_null0,no-rx=1";
  Holder two(node_, {device, "workers=2", "relay=198.51.100.1/32", "ports=49152-65535"});
  EXPECT_EQ(two.WaitFor("steering "),
            "steering peers' IPv4 datagrams come to their worker by RSS of driver net_null, with "
            "this node's key and redirection table of 128 entries, clients' by source port");
  EXPECT_EQ(two.Quit(), 0);
  Holder odd(node_, {device, "workers=2", "relay=198.51.100.1/32", "ports=50000-50999"});
  const std::string line = odd.WaitFor("steering ");
  EXPECT_TRUE(absl::EndsWith(line,
                             "; and RSS by relay port: a redirection table of 128 entries cannot "
                             "tell 2 workers' relay ports apart and spread clients evenly"))
      << line;
}

TEST_F(DeviceLinkTest, OneWorkerNeedsNoSteering) {
  Holder one(node_, {"device=net_tap0,iface=cwtap0", "relay=198.51.100.1/32"});
  ASSERT_TRUE(absl::StartsWith(one.WaitFor("ready"), "ready"));
  EXPECT_EQ(one.WaitFor("s"), "serving");
}

TEST_F(DeviceLinkTest, CountsTheQueuesOfADeviceBeforeItIsOpened) {
  ASSERT_TRUE(node_.Do("ip link set lo up"));
  Holder one(node_, {"device=net_af_packet0,iface=lo"});
  EXPECT_EQ(one.WaitFor("queues"), "queues 1");
  EXPECT_EQ(one.WaitFor("serving"), "serving");
  Holder two(node_, {"device=net_af_packet0,iface=lo,qpairs=2", "workers=2"});
  EXPECT_EQ(two.WaitFor("queues"), "queues 2");
  EXPECT_EQ(two.WaitFor("serving"), "serving");
}

TEST_F(DeviceLinkTest, OneLineForEveryMistake) {
  EXPECT_EQ(StartFails("net_nosuch0"),
            "error NOT_FOUND DPDK has no driver net_nosuch for device net_nosuch0: check the name, "
            "and that the driver is installed");
  EXPECT_TRUE(absl::StartsWith(StartFails("net_pcap0,rx_pcap=/nonexistent/file"),
                               "error FAILED_PRECONDITION DPDK cannot open device "
                               "\"net_pcap0,rx_pcap=/nonexistent/file\": "));
  EXPECT_EQ(StartFails("0000:ff:1f.7"),
            "error NOT_FOUND there is no PCI device 0000:ff:1f.7 (dpdk-devbind.py --status lists "
            "them)");
  const std::string queues = StartFails("net_af_packet0,iface=lo", "2");
  EXPECT_EQ(queues,
            "error FAILED_PRECONDITION the device (driver net_af_packet) has 1 queue(s) for 2 "
            "workers: use --workers 1, or give the device more");
}

TEST(IsPciAddress, LongAndShortForms) {
  EXPECT_TRUE(IsPciAddress("0000:03:00.0"));
  EXPECT_TRUE(IsPciAddress("af:1f.7"));
  EXPECT_FALSE(IsPciAddress("net_ring0"));
  EXPECT_FALSE(IsPciAddress("0000:03:00"));
  EXPECT_FALSE(IsPciAddress("000g:03:00.0"));
  EXPECT_FALSE(IsPciAddress(""));
}

}  // namespace
}  // namespace causeway
