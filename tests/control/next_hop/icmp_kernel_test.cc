// IcmpListener before real kernels: a relay's and a router's, in two network namespaces without a
// name, which end with this process. Needs root.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "control/next_hop/icmp_listener.h"

namespace causeway::next_hop {
namespace {

constexpr uint16_t kRelayPort = 49200;
constexpr int kPatienceMs = 10'000;

void Shell(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

void Write(const std::string& path, const std::string& value) {
  std::ofstream file(path);
  file << value << std::flush;
  ASSERT_TRUE(file.good()) << path;
}

class Namespace {
 public:
  // Makes one and enters it.
  Namespace() {
    made_ = unshare(CLONE_NEWNET) == 0;
    fd_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  }
  ~Namespace() { close(fd_); }
  bool made() const { return made_ && fd_ >= 0; }
  void Enter() const { ASSERT_EQ(setns(fd_, CLONE_NEWNET), 0); }
  std::string path() const { return absl::StrCat("/proc/", getpid(), "/fd/", fd_); }

 private:
  bool made_;
  int fd_;
};

sockaddr_storage ToSockaddr(const std::string& address, uint16_t port, socklen_t* size) {
  sockaddr_storage storage = {};
  if (address.find(':') == std::string::npos) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET, address.c_str(), &v4->sin_addr), 1);
    *size = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr), 1);
    *size = sizeof(*v6);
  }
  return storage;
}

// A datagram or, if `tcp`, a SYN.
struct Probe {
  std::string from;
  std::string to;
  size_t size = 20;
  int ttl = 64;
  bool tcp = false;
};

void SetOptions(int fd, bool v6, int ttl) {
  static_assert(IPV6_PMTUDISC_PROBE == IP_PMTUDISC_PROBE);
  const int probe = IP_PMTUDISC_PROBE;  // DF, whatever the kernel knows
  ASSERT_EQ(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER,
                       &probe, sizeof(probe)),
            0);
  ASSERT_EQ(setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL, &ttl,
                       sizeof(ttl)),
            0);
}

void Send(const Probe& probe, uint16_t port) {
  socklen_t size;
  const sockaddr_storage from = ToSockaddr(probe.from, kRelayPort, &size);
  const sockaddr_storage to = ToSockaddr(probe.to, port, &size);
  const int kind = probe.tcp ? SOCK_STREAM : SOCK_DGRAM;
  const int fd = socket(from.ss_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ASSERT_GE(fd, 0);
  SetOptions(fd, from.ss_family == AF_INET6, probe.ttl);
  ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&from), size), 0);
  if (probe.tcp) {
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), size), -1);
    EXPECT_EQ(errno, EINPROGRESS);
  } else {
    const std::string data(probe.size, 'x');
    EXPECT_EQ(sendto(fd, data.data(), data.size(), 0, reinterpret_cast<const sockaddr*>(&to), size),
              static_cast<ssize_t>(data.size()));
  }
  close(fd);
}

class IcmpKernelTest : public ::testing::Test {
 protected:
  // relay 192.0.2.1 -- 192.0.2.2 router 203.0.113.1 -- a link where nobody answers
  static void SetUpTestSuite() {
    router_ = new Namespace;
    relay_ = new Namespace;
    ASSERT_TRUE(router_->made() && relay_->made())
        << "cannot make a network namespace: run as root";
    Shell(absl::StrCat("ip link add near type veth peer name hop netns ", router_->path()));
    Shell("ip addr add 192.0.2.1/24 dev near && ip -6 addr add 2001:db8:1::1/64 dev near nodad");
    Shell("ip link set lo up && ip link set near up");
    Shell("ip route add default via 192.0.2.2 && ip -6 route add default via 2001:db8:1::2");
    router_->Enter();
    SetUpRouter();
    relay_->Enter();
  }
  static void SetUpRouter() {
    Write("/proc/sys/net/ipv4/ip_forward", "1");
    Write("/proc/sys/net/ipv6/conf/all/forwarding", "1");
    Write("/proc/sys/net/ipv4/icmp_ratemask", "0");
    Write("/proc/sys/net/ipv6/icmp/ratelimit", "0");
    Shell("ip addr add 192.0.2.2/24 dev hop && ip -6 addr add 2001:db8:1::2/64 dev hop nodad");
    Shell("ip link set lo up && ip link set hop up");
    Shell("ip link add far type veth peer name end && ip link set end up && ip link set far up");
    Shell("ip addr add 203.0.113.1/24 dev far && ip -6 addr add 2001:db8:2::1/64 dev far nodad");
    Shell("ip route add 198.51.100.0/24 via 203.0.113.2 mtu 1300");
    Shell("ip -6 route add 2001:db8:3::/64 via 2001:db8:2::2 mtu 1300");
    Write("/proc/sys/net/ipv4/neigh/far/retrans_time_ms", "20");
    Write("/proc/sys/net/ipv6/neigh/far/retrans_time_ms", "20");
  }
  static void TearDownTestSuite() {
    delete relay_;
    delete router_;
  }
  void SetUp() override {
    auto listener = IcmpListener::Create();
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }

  bool WaitReadable() {
    std::vector<pollfd> polls;
    for (int fd : listener_->fds()) polls.push_back({fd, POLLIN, 0});
    return poll(polls.data(), polls.size(), kPatienceMs) > 0;
  }
  std::vector<IcmpError> Read() {
    std::vector<IcmpError> errors;
    listener_->OnReadable([&](const IcmpError& error) { errors.push_back(error); });
    return errors;
  }
  // Hears errors until `count` are there, or for so long.
  std::vector<IcmpError> Hear(size_t count) {
    std::vector<IcmpError> heard;
    while (heard.size() < count && WaitReadable()) {
      for (const IcmpError& error : Read()) heard.push_back(error);
    }
    return heard;
  }

  static inline Namespace* relay_;
  static inline Namespace* router_;
  std::unique_ptr<IcmpListener> listener_;
};

TEST_F(IcmpKernelTest, HearsWhatTheRouterSays) {
  struct Case {
    Probe probe;
    uint8_t type;
    uint8_t code;
    uint32_t data;
  };
  const char* v4 = "192.0.2.1";
  const char* v6 = "2001:db8:1::1";
  const Case cases[] = {
      {{v4, "192.0.2.2"}, 3, 3, 0},               // port unreachable
      {{v4, "203.0.113.9"}, 3, 1, 0},             // host unreachable: nobody answers ARP
      {{v4, "198.51.100.9", 1372}, 3, 4, 1300},   // fragmentation needed
      {{v4, "198.51.100.9", 20, 1}, 11, 0, 0},    // time exceeded
      {{v6, "2001:db8:1::2"}, 1, 4, 0},           // port unreachable
      {{v6, "2001:db8:2::9"}, 1, 3, 0},           // address unreachable: nobody answers
      {{v6, "2001:db8:3::9", 1352}, 2, 0, 1300},  // packet too big
      {{v6, "2001:db8:3::9", 20, 1}, 3, 0, 0},    // hop limit exceeded
  };
  uint16_t port = 4000;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.probe.to);
    Send(c.probe, ++port);
    const std::vector<IcmpError> heard = Hear(1);
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0].type, c.type);
    EXPECT_EQ(heard[0].code, c.code);
    EXPECT_EQ(heard[0].error_data, c.data);
    EXPECT_EQ(heard[0].source, (Endpoint{IpAddress::Parse(c.probe.from).value(), kRelayPort}));
    EXPECT_EQ(heard[0].destination, (Endpoint{IpAddress::Parse(c.probe.to).value(), port}));
  }
}

TEST_F(IcmpKernelTest, ErrorsAboutTcpAreNotOurs) {
  Send({"192.0.2.1", "198.51.100.9", 0, 1, true}, 80);
  Send({"2001:db8:1::1", "2001:db8:3::9", 0, 1, true}, 80);
  Send({"192.0.2.1", "192.0.2.2"}, 5000);
  Send({"2001:db8:1::1", "2001:db8:1::2"}, 5001);
  const std::vector<IcmpError> heard = Hear(2);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_THAT((std::vector<int>{heard[0].destination.port, heard[1].destination.port}),
              ::testing::UnorderedElementsAre(5000, 5001));
}

TEST_F(IcmpKernelTest, OneCallReadsABoundedNumber) {
  constexpr size_t kSent = 100;
  for (size_t i = 0; i < kSent; ++i) {
    Send({"192.0.2.1", "192.0.2.2"}, static_cast<uint16_t>(6000 + i));
  }
  size_t total = 0;
  while (total < kSent && WaitReadable()) {
    const size_t now = Read().size();
    EXPECT_LE(now, 64u);
    total += now;
  }
  EXPECT_EQ(total, kSent);
  EXPECT_EQ(Read().size(), 0u);
}

TEST_F(IcmpKernelTest, SocketsAreNotInherited) {
  ASSERT_EQ(listener_->fds().size(), 2u);
  for (int fd : listener_->fds()) EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(IcmpKernelTest, SaysWhatIsMissingWithoutTheCapability) {
  std::thread([] {
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    ASSERT_EQ(syscall(SYS_capset, &header, none), 0);  // of this thread
    const auto listener = IcmpListener::Create();
    ASSERT_TRUE(absl::IsPermissionDenied(listener.status())) << listener.status();
    EXPECT_THAT(std::string(listener.status().message()), ::testing::HasSubstr("CAP_NET_RAW"));
  }).join();
}

}  // namespace
}  // namespace causeway::next_hop
