// The AF_XDP link on a real veth, between two network namespaces: what we take, what the kernel
// keeps, and every way in which opening fails.
#include <absl/strings/escaping.h>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <thread>

#include "dataplane/link/causeway_xdp.h"
#include "dataplane/link/reservation.h"
#include "dataplane/link/xdp_filter.h"
#include "tests/dataplane/link/frames.h"
#include "tests/dataplane/link/holder.h"
#include "tests/dataplane/link/xdp_socket.h"

namespace causeway {
namespace {

using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

constexpr char kNode[] = "192.0.2.1";
constexpr char kNodeV6[] = "2001:db8::1";
constexpr char kPeer[] = "192.0.2.9";
constexpr uint16_t kListen = 3478;

sockaddr_storage Sockaddr(const std::string& address, uint16_t port, socklen_t* size) {
  sockaddr_storage storage = {};
  const IpAddress ip = *IpAddress::Parse(address);
  if (ip.IsV4()) {
    sockaddr_in v4 = {};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip.v4_bytes(), 4);
    std::memcpy(&storage, &v4, *size = sizeof(v4));
  } else {
    sockaddr_in6 v6 = {};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, ip.bytes(), 16);
    std::memcpy(&storage, &v6, *size = sizeof(v6));
  }
  return storage;
}

int Index(const char* name) {
  const UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  EXPECT_EQ(ioctl(fd.get(), SIOCGIFINDEX, &request), 0);
  return request.ifr_ifindex;
}

class AfXdpLinkTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Shell("ip -n " + node_.name() + " link add n0 type veth peer name p0 netns " +
                      peer_.name()));
    for (const char* command : {"ip addr add 192.0.2.1/24 dev n0", "ip link set n0 up",
                                "ip addr add 2001:db8::1/64 dev n0 nodad"}) {
      ASSERT_TRUE(node_.Do(command)) << command;
    }
    for (const char* command :
         {"ip addr add 192.0.2.9/24 dev p0", "ip link set p0 up",
          "ip addr add 2001:db8::9/64 dev p0 nodad", "ip route add 198.51.100.0/24 via 192.0.2.1",
          "ip route add 2001:db8:1::/48 via 2001:db8::1"}) {
      ASSERT_TRUE(peer_.Do(command)) << command;
    }
  }

  std::vector<std::string> Arguments(const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"interface=n0", "listen=192.0.2.1|2001:db8::1",
                                    "relay=192.0.2.1|198.51.100.0/24|2001:db8:1::/48"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::unique_ptr<Holder> Start() {
    auto holder = std::make_unique<Holder>(node_, Arguments());
    EXPECT_EQ(holder->WaitFor("serving"), "serving");
    return holder;
  }
  std::string StartFails(
      const std::vector<std::string>& arguments, const std::function<void()>& prepare = [] {}) {
    Holder holder(node_, arguments, prepare);
    const std::string line = holder.WaitFor("error");
    EXPECT_EQ(holder.Wait(), 1);
    return line;
  }

  UniqueFd Socket(const Namespace& where, const std::string& address, uint16_t port,
                  int type = SOCK_DGRAM) {
    UniqueFd fd;
    where.In([&] {
      socklen_t size = 0;
      const sockaddr_storage to = Sockaddr(address, port, &size);
      fd = UniqueFd(socket(to.ss_family, type | SOCK_CLOEXEC, 0));
      const int on = 1;
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
      const timeval patience = {10, 0};
      setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      EXPECT_EQ(bind(fd.get(), reinterpret_cast<const sockaddr*>(&to), size), 0)
          << address << " " << std::strerror(errno);
    });
    return fd;
  }
  void SendUdp(const std::string& to, uint16_t port, const std::string& payload) {
    const bool v4 = IpAddress::Parse(to)->IsV4();
    const UniqueFd fd = Socket(peer_, v4 ? kPeer : "2001:db8::9", 0);
    socklen_t size = 0;
    const sockaddr_storage address = Sockaddr(to, port, &size);
    EXPECT_EQ(sendto(fd.get(), payload.data(), payload.size(), 0,
                     reinterpret_cast<const sockaddr*>(&address), size),
              static_cast<ssize_t>(payload.size()))
        << std::strerror(errno);
  }
  static std::string Receive(const UniqueFd& fd) {
    char buffer[65536];
    const ssize_t size = recv(fd.get(), buffer, sizeof(buffer), 0);
    return size < 0 ? "nothing" : std::string(buffer, static_cast<size_t>(size));
  }
  // Whether the holder gets a frame that ends in this payload.
  static AssertionResult Gets(Holder& holder, const std::string& payload) {
    const std::string line = holder.WaitFor("rx ");
    if (absl::EndsWith(line, absl::BytesToHexString(payload))) return AssertionSuccess();
    return AssertionFailure() << payload << " not in " << line;
  }
  std::optional<AttachedProgram> Attached(const char* name = "n0") {
    std::optional<AttachedProgram> program;
    node_.In([&] { program = *FindAttachedProgram(Index(name)); });
    return program;
  }
  bool WaitForProgram(const char* name) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!Attached(name).has_value()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  // Another program's socket on a queue.
  std::unique_ptr<XdpSocket> Hold(const char* name, unsigned queue) {
    std::unique_ptr<XdpSocket> held;
    node_.In([&] { held = std::make_unique<XdpSocket>(Index(name), queue); });
    EXPECT_EQ(held->error(), 0) << std::strerror(held->error());
    return held;
  }
  std::string ReadyLine() {
    std::string mac = node_.Output("cat /sys/class/net/n0/address");
    mac.erase(std::remove_if(mac.begin(), mac.end(), [](char c) { return c == ':' || c == '\n'; }),
              mac.end());
    return "ready interface=n0 mtu=1500 mac=" + mac + " partial=1 kernel=1";
  }

  Namespace node_{"node"};
  Namespace peer_{"peer"};
};

TEST_F(AfXdpLinkTest, TakesOurDatagramsAndLeavesTheKernelTheRest) {
  auto holder = Start();
  for (const auto& [address, relay] :
       {std::pair(kNode, "198.51.100.200"), std::pair(kNodeV6, "2001:db8:1::77")}) {
    const UniqueFd kernel = Socket(node_, address, 5000);
    SendUdp(address, 5000, "for the kernel");
    EXPECT_EQ(Receive(kernel), "for the kernel");
    SendUdp(address, kListen, "for the listening port");
    EXPECT_TRUE(Gets(*holder, "for the listening port"));
    SendUdp(relay, 50000, "for the first relay port");
    EXPECT_TRUE(Gets(*holder, "for the first relay port"));
    SendUdp(relay, 50999, "for the last relay port");
    EXPECT_TRUE(Gets(*holder, "for the last relay port"));
  }
}

TEST_F(AfXdpLinkTest, PingAndTcpGoOnWorking) {
  auto holder = Start();
  EXPECT_TRUE(peer_.Do("ping -c 1 -W 5 192.0.2.1"));
  EXPECT_TRUE(peer_.Do("ping -c 1 -W 5 2001:db8::1"));
  const UniqueFd listener = Socket(node_, kNode, kListen, SOCK_STREAM);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const UniqueFd client = Socket(peer_, kPeer, 0, SOCK_STREAM);
  socklen_t size = 0;
  const sockaddr_storage to = Sockaddr(kNode, kListen, &size);
  ASSERT_EQ(connect(client.get(), reinterpret_cast<const sockaddr*>(&to), size), 0);
  const UniqueFd server(accept(listener.get(), nullptr, nullptr));
  const std::string text(100000, 't');
  ASSERT_EQ(send(client.get(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  std::string got(text.size(), 0);
  EXPECT_EQ(recv(server.get(), got.data(), got.size(), MSG_WAITALL),
            static_cast<ssize_t>(got.size()));
  EXPECT_EQ(got, text);
}

TEST_F(AfXdpLinkTest, KernelAnswersForRoutedRelayAddresses) {
  auto holder = Start();
  EXPECT_TRUE(peer_.Do("ping -c 1 -W 5 198.51.100.200"));
  EXPECT_TRUE(peer_.Do("ping -c 1 -W 5 2001:db8:1::77"));
  ASSERT_TRUE(peer_.Do("ip route replace 198.51.100.0/24 dev p0"));
  EXPECT_TRUE(peer_.Do("ping -c 1 -W 5 198.51.100.201")) << "ARP for a relay address";
  const std::string routes = "ip route show table local proto 202";
  EXPECT_NE(node_.Output(routes).find("local 198.51.100.0/24 dev n0"), std::string::npos);
  holder->Kill();
  EXPECT_NE(node_.Output(routes), "");
  holder = Start();
  EXPECT_EQ(holder->Quit(), 0);
  EXPECT_EQ(node_.Output(routes), "");
  EXPECT_EQ(node_.Output("ip -6 route show table local proto 202"), "");
}

TEST_F(AfXdpLinkTest, FragmentsFollowTheirDatagram) {
  auto holder = Start();
  const UniqueFd kernel = Socket(node_, kNode, 5000);
  std::string big(3000, 'k');
  SendUdp(kNode, 5000, big);
  EXPECT_EQ(Receive(kernel), big);
  for (const char* address : {kNode, kNodeV6}) {
    SendUdp(address, kListen, big + "the end");
    std::string payload;
    for (int fragment = 0; fragment < 3; ++fragment) payload += holder->WaitFor("rx ") + "\n";
    EXPECT_NE(payload.find(absl::BytesToHexString("the end")), std::string::npos) << payload;
  }
}

TEST_F(AfXdpLinkTest, SendsAndDescribesItself) {
  Holder holder(node_, Arguments());
  EXPECT_EQ(holder.WaitFor("ready"), ReadyLine());
  const UniqueFd kernel = Socket(peer_, kPeer, 5000);
  std::string to = node_.Output("cat /sys/class/net/n0/address");
  const Frame frame = Udp({.to = kPeer, .port = 5000, .from = kNode});
  std::string peer_mac = peer_.Output("cat /sys/class/net/p0/address");
  peer_mac.erase(std::remove_if(peer_mac.begin(), peer_mac.end(),
                                [](char c) { return c == ':' || c == '\n'; }),
                 peer_mac.end());
  const std::string hex = absl::BytesToHexString(std::string(frame.begin() + 6, frame.end()));
  holder.Send("tx " + peer_mac + hex);
  EXPECT_EQ(Receive(kernel), std::string(24, 0x5a));
}

TEST_F(AfXdpLinkTest, TakesItsProgramAwayOnExit) {
  auto holder = Start();
  ASSERT_TRUE(Attached().has_value());
  EXPECT_TRUE(Attached()->IsOurs());
  EXPECT_EQ(holder->Quit(), 0);
  EXPECT_FALSE(Attached().has_value());
}

TEST_F(AfXdpLinkTest, StartsAtOnceAfterKill9) {
  for (int round = 0; round < 3; ++round) {
    auto holder = Start();
    SendUdp(kNode, kListen, "again");
    EXPECT_TRUE(Gets(*holder, "again"));
    holder->Kill();
    ASSERT_TRUE(Attached().has_value()) << "the dead instance leaves its program";
  }
}

TEST_F(AfXdpLinkTest, WaitsForASocketThatIsBeingReleased) {
  std::unique_ptr<XdpSocket> before = Hold("n0", 0);
  Holder holder(node_, Arguments());
  ASSERT_TRUE(WaitForProgram("n0")) << "the driver attaches it before it binds its socket";
  before.reset();
  EXPECT_EQ(holder.WaitFor("ready"), ReadyLine());
  EXPECT_EQ(holder.WaitFor("serving"), "serving");
  SendUdp(kNode, kListen, "taken");
  EXPECT_TRUE(Gets(holder, "taken"));
}

TEST_F(AfXdpLinkTest, SaysThatASocketIsHeldForGood) {
  const std::unique_ptr<XdpSocket> held = Hold("n0", 0);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(StartFails(Arguments()),
            "error UNAVAILABLE another AF_XDP socket holds queue 0 of interface n0: end the "
            "program that has it (ss --xdp -ap names it), or use another interface");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience);
  EXPECT_FALSE(Attached().has_value());
}

TEST_F(AfXdpLinkTest, WaitsForAnInstanceThatIsEnding) {
  UniqueFd claim;
  node_.In([&] { claim = *ClaimInterface("n0"); });
  Holder holder(node_, Arguments());
  pollfd asked = {claim.get(), POLLIN, 0};
  ASSERT_EQ(poll(&asked, 1, 10'000), 1) << "it asks whose claim this is";
  claim = UniqueFd();
  EXPECT_EQ(holder.WaitFor("serving"), "serving");
}

TEST_F(AfXdpLinkTest, SecondInstanceIsRefused) {
  auto holder = Start();
  EXPECT_EQ(StartFails(Arguments()),
            absl::StrCat("error ALREADY_EXISTS another instance runs on interface n0 (process ",
                         holder->pid(), "): stop it first"));
  SendUdp(kNode, kListen, "undisturbed");
  EXPECT_TRUE(Gets(*holder, "undisturbed"));
}

TEST_F(AfXdpLinkTest, ForeignProgramIsNamedAndLeftAlone) {
  const bpf_insn pass[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS},
                           {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  const UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_XDP, "someone_else", "GPL", pass, 2, nullptr));
  ASSERT_TRUE(program.ok());
  node_.In([&] { ASSERT_EQ(bpf_xdp_attach(Index("n0"), program.get(), 0, nullptr), 0); });
  const uint32_t id = Attached()->id;
  EXPECT_EQ(StartFails(Arguments()),
            absl::StrCat("error FAILED_PRECONDITION interface n0 has an XDP program of someone "
                         "else, someone_else (id ",
                         id,
                         "): it is left alone; remove it (ip link set n0 xdp off) or use "
                         "another interface"));
  EXPECT_EQ(Attached()->id, id);
}

TEST_F(AfXdpLinkTest, OneLineForEveryMistake) {
  EXPECT_EQ(StartFails({"interface=n1", "listen=192.0.2.1"}),
            "error NOT_FOUND interface n1 does not exist; there are: n0");
  EXPECT_EQ(StartFails({"interface=lo", "listen=192.0.2.1"}),
            "error FAILED_PRECONDITION interface lo is not an Ethernet interface");
  const std::string wrong = StartFails({"interface=n0", "listen=192.0.2.1|192.0.2.200"});
  EXPECT_TRUE(absl::StartsWith(wrong,
                               "error FAILED_PRECONDITION address 192.0.2.200 is not on interface "
                               "n0; it has 192.0.2.1, 2001:db8::1"))
      << wrong;
  EXPECT_EQ(StartFails(Arguments({"workers=2"})),
            "error FAILED_PRECONDITION interface n0 has 1 queue(s) for 2 workers: use --workers 1, "
            "or give it more (ethtool -L n0 combined 2) if its driver can");
  const UniqueFd taken = Socket(node_, kNode, kListen);
  EXPECT_EQ(StartFails(Arguments()),
            "error ALREADY_EXISTS UDP port 192.0.2.1:3478 is in use by another program (ss -ulpn "
            "sport = :3478 names it); stop it or choose another --port");
  ASSERT_TRUE(node_.Do("ip link set n0 mtu 3499"));
  EXPECT_EQ(StartFails(Arguments()),
            "error FAILED_PRECONDITION interface n0 has MTU 3499; AF_XDP serves 3498 at most: ip "
            "link set n0 mtu 1500, or use --device with a PCI device");
  ASSERT_TRUE(node_.Do("ip link set n0 down"));
  EXPECT_EQ(StartFails(Arguments()),
            "error FAILED_PRECONDITION interface n0 is down: ip link set n0 up");
  EXPECT_FALSE(Attached().has_value());
}

// A TAP interface of two queues; a frame written to one arrives on the queue of its number.
class TwoQueueTap {
 public:
  explicit TwoQueueTap(const Namespace& where) {
    where.In([&] {
      for (UniqueFd& queue : queues_) {
        queue = UniqueFd(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
        ifreq request = {};
        std::strncpy(request.ifr_name, "t0", IFNAMSIZ - 1);
        request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
        EXPECT_EQ(ioctl(queue.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
      }
    });
    EXPECT_TRUE(where.Do("ip addr add 203.0.113.1/24 dev t0"));
    EXPECT_TRUE(where.Do("ip link set t0 up"));
  }
  void Write(int queue, const Frame& frame) {
    EXPECT_EQ(write(queues_[queue].get(), frame.data(), frame.size()),
              static_cast<ssize_t>(frame.size()));
  }

 private:
  UniqueFd queues_[2];
};

TEST_F(AfXdpLinkTest, TwoWorkersServeTwoQueues) {
  TwoQueueTap tap(node_);
  Holder holder(node_, {"interface=t0", "listen=203.0.113.1", "workers=2"});
  ASSERT_EQ(holder.WaitFor("serving"), "serving");
  for (const int queue : {0, 1, 0}) {
    const Frame frame = Udp({.to = "203.0.113.1", .port = kListen});
    tap.Write(queue, frame);
    EXPECT_EQ(holder.WaitFor("rx "),
              absl::StrCat("rx ", queue, " ",
                           absl::BytesToHexString(std::string(frame.begin(), frame.end()))));
  }
  EXPECT_EQ(holder.Quit(), 0);
}

TEST_F(AfXdpLinkTest, KeepsTheQueuesItHasWhileItWaitsForOne) {
  TwoQueueTap tap(node_);
  std::unique_ptr<XdpSocket> before = Hold("t0", 1);
  Holder holder(node_, {"interface=t0", "listen=203.0.113.1", "workers=2"});
  ASSERT_TRUE(WaitForProgram("t0"));
  before.reset();
  ASSERT_EQ(holder.WaitFor("serving"), "serving");
  for (const int queue : {1, 0}) {
    tap.Write(queue, Udp({.to = "203.0.113.1", .port = kListen}));
    EXPECT_TRUE(absl::StartsWith(holder.WaitFor("rx "), absl::StrCat("rx ", queue, " ")));
  }
}

TEST_F(AfXdpLinkTest, RefusesToLeaveAQueueUnpolled) {
  TwoQueueTap tap(node_);
  EXPECT_EQ(StartFails({"interface=t0", "listen=203.0.113.1"}),
            "error FAILED_PRECONDITION interface t0 has 2 queues, more than the 1 worker(s) poll: "
            "ethtool -L t0 combined 1, or --workers 2");
}

TEST_F(AfXdpLinkTest, RefusesQueuesThatTheDriverDoesNotServe) {
  ASSERT_TRUE(
      node_.Do("ip link add q0 numrxqueues 2 numtxqueues 2 type veth peer name q1 numrxqueues 2 "
               "numtxqueues 2"));
  ASSERT_TRUE(node_.Do("ip addr add 203.0.113.1/24 dev q0"));
  ASSERT_TRUE(node_.Do("ip link set q0 up"));
  EXPECT_EQ(StartFails({"interface=q0", "listen=203.0.113.1"}),
            "error FAILED_PRECONDITION interface q0 receives on 2 queues, of which DPDK's AF_XDP "
            "driver serves 1: ethtool -L q0 rx 1");
}

TEST_F(AfXdpLinkTest, WithoutPrivilegesItSaysWhich) {
  EXPECT_EQ(StartFails(Arguments(), [] { [[maybe_unused]] int ignored = setuid(65534); }),
            "error PERMISSION_DENIED no privileges for AF_XDP: run as root, or with CAP_NET_ADMIN, "
            "CAP_NET_RAW, CAP_BPF, CAP_PERFMON (CAP_IPC_LOCK too, for locked memory)");
}

TEST_F(AfXdpLinkTest, RunsWithoutSysAdmin) {
  Holder holder(node_, Arguments(), [] { prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0); });
  ASSERT_EQ(holder.WaitFor("serving"), "serving");
  SendUdp(kNode, kListen, "taken");
  EXPECT_TRUE(Gets(holder, "taken"));
  EXPECT_EQ(holder.Quit(), 0);
  EXPECT_FALSE(Attached().has_value());
}

TEST_F(AfXdpLinkTest, SaysWhyTheKernelRefuses) {
  EXPECT_EQ(StartFails(Arguments(),
                       [] {
                         prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0);
                         const rlimit little = {65536, 65536};
                         setrlimit(RLIMIT_MEMLOCK, &little);
                       }),
            "error RESOURCE_EXHAUSTED the kernel does not lend packet memory to AF_XDP on "
            "interface n0: give CAP_IPC_LOCK, or raise ulimit -l");
  ASSERT_TRUE(peer_.Do("ip link set p0 mtu 9000"));
  const std::string line = StartFails(Arguments());
  EXPECT_TRUE(absl::StartsWith(line,
                               "error FAILED_PRECONDITION the kernel does not take our XDP "
                               "program on interface n0 (libbpf: Kernel error message: "))
      << line;
  EXPECT_FALSE(Attached().has_value());
}

TEST_F(AfXdpLinkTest, ServesTheLargestMtu) {
  ASSERT_TRUE(node_.Do("ip link set n0 mtu 3498"));
  ASSERT_TRUE(peer_.Do("ip link set p0 mtu 3498"));
  auto holder = Start();
  const std::string big(3498 - 28, 'x');
  SendUdp(kNode, kListen, big);
  EXPECT_TRUE(Gets(*holder, big));
}

TEST_F(AfXdpLinkTest, WarnsOfPortsThatTheKernelMayPick) {
  ASSERT_TRUE(node_.Do("sysctl -w net.ipv4.ip_local_port_range='32768 60999'"));
  Holder holder(node_, Arguments());
  EXPECT_EQ(
      holder.WaitFor("warning"),
      "warning the kernel may pick relay ports for its own sockets (local ports 32768-60999), "
      "and would then not hear the answers: sysctl -w "
      "net.ipv4.ip_local_reserved_ports=50000-50999");
  EXPECT_EQ(holder.Quit(), 0);
  ASSERT_TRUE(node_.Do("sysctl -w net.ipv4.ip_local_reserved_ports=50000-50999"));
  Holder again(node_, Arguments());
  for (const std::string& line : again.Until("serving")) {
    EXPECT_FALSE(absl::StartsWith(line, "warning")) << line;
  }
}

TEST(LocalPortWarning, ComparesRangesPortByPort) {
  EXPECT_EQ(LocalPortWarning(49152, 65535, "32768\t49151", ""), "");
  EXPECT_NE(LocalPortWarning(49152, 65535, "32768\t49152", ""), "");
  EXPECT_EQ(LocalPortWarning(50000, 50010, "32768\t60999", "50000-50004,50005,50006-50020"), "");
  const std::string warning = LocalPortWarning(50000, 50010, "32768\t60999", "8080,50000-50009\n");
  EXPECT_TRUE(absl::EndsWith(warning, "ip_local_reserved_ports=8080,50000-50009,50000-50010"))
      << warning;
  EXPECT_EQ(LocalPortWarning(50000, 50010, "", ""), "") << "no such sysctl";
}

}  // namespace
}  // namespace causeway
