#include "control/next_hop/icmp_listener.h"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dataplane/byte_order.h"
#include "dataplane/ip/checksum.h"

namespace causeway::next_hop {
namespace {

constexpr int kReadsPerCall = 64;
constexpr size_t kIcmpHeaderSize = 8;
constexpr size_t kPortsSize = 4;
constexpr size_t kIpv4HeaderSize = 20;
constexpr size_t kIpv6HeaderSize = 40;

bool ReadPorts(const uint8_t* udp, size_t size, IcmpError* out) {
  if (size < kPortsSize) return false;
  out->source.port = LoadBe16(udp);
  out->destination.port = LoadBe16(udp + 2);
  return true;
}

bool ReadQuotedIpv4(const uint8_t* packet, size_t size, IcmpError* out) {
  if (size < kIpv4HeaderSize || packet[0] >> 4 != 4 || packet[9] != IPPROTO_UDP) return false;
  const size_t header_size = (packet[0] & 0xf) * size_t{4};
  const bool first_fragment = (LoadBe16(packet + 6) & 0x1fff) == 0;
  if (header_size < kIpv4HeaderSize || header_size > size || !first_fragment) return false;
  out->source.address = IpAddress::FromV4Bytes(packet + 12);
  out->destination.address = IpAddress::FromV4Bytes(packet + 16);
  return ReadPorts(packet + header_size, size - header_size, out);
}

// Our own packets have no other extension header than the fragment header.
bool ReadQuotedIpv6(const uint8_t* packet, size_t size, IcmpError* out) {
  if (size < kIpv6HeaderSize || packet[0] >> 4 != 6) return false;
  uint8_t next_header = packet[6];
  size_t offset = kIpv6HeaderSize;
  if (next_header == IPPROTO_FRAGMENT) {
    if (size < offset + 8 || (LoadBe16(packet + offset + 2) & 0xfff8) != 0) return false;
    next_header = packet[offset];
    offset += 8;
  }
  if (next_header != IPPROTO_UDP) return false;
  out->source.address = IpAddress::FromV6Bytes(packet + 8);
  out->destination.address = IpAddress::FromV6Bytes(packet + 24);
  if (out->source.address.IsV4() || out->destination.address.IsV4()) return false;
  return ReadPorts(packet + offset, size - offset, out);
}

bool IsRelayedType(Family family, uint8_t type) {
  if (family == Family::kIpv4) return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED;
  return type == ICMP6_DST_UNREACH || type == ICMP6_PACKET_TOO_BIG || type == ICMP6_TIME_EXCEEDED;
}

uint32_t ErrorData(Family family, const uint8_t* message) {
  if (family == Family::kIpv6) {
    return message[0] == ICMP6_PACKET_TOO_BIG ? LoadBe32(message + 4) : 0;
  }
  const bool needs_fragmentation =
      message[0] == ICMP_DEST_UNREACH && message[1] == ICMP_FRAG_NEEDED;
  return needs_fragmentation ? LoadBe16(message + 6) : 0;
}

// -1 if the kernel has no IPv6.
absl::StatusOr<int> OpenRaw(Family family) {
  const bool v4 = family == Family::kIpv4;
  const int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
                        v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6));
  if (fd < 0 && !v4 && errno == EAFNOSUPPORT) return -1;
  if (fd < 0) {
    return absl::ErrnoToStatus(
        errno, absl::StrCat("cannot open a raw ", v4 ? "ICMP" : "ICMPv6",
                            " socket, needed to hear of unreachable peers: run as root or with "
                            "CAP_NET_RAW"));
  }
  icmp_filter v4_filter = {.data = ~(1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED)};
  icmp6_filter v6_filter;
  ICMP6_FILTER_SETBLOCKALL(&v6_filter);
  for (int type : {ICMP6_DST_UNREACH, ICMP6_PACKET_TOO_BIG, ICMP6_TIME_EXCEEDED}) {
    ICMP6_FILTER_SETPASS(type, &v6_filter);
  }
  const int result =
      v4 ? setsockopt(fd, SOL_RAW, ICMP_FILTER, &v4_filter, sizeof(v4_filter))
         : setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &v6_filter, sizeof(v6_filter));
  if (result == 0) return fd;
  const int error = errno;
  close(fd);
  return absl::ErrnoToStatus(error, "cannot filter a raw ICMP socket");
}

// The kernel has verified ICMPv6; a raw IPv4 socket gets the packet before ICMP does so.
bool ReadMessage(Family family, const uint8_t* packet, size_t size, IcmpError* out) {
  if (family == Family::kIpv6) return ParseIcmpError(family, packet, size, out);
  if (size < kIpv4HeaderSize) return false;
  const size_t header_size = (packet[0] & 0xf) * size_t{4};
  if (header_size > size) return false;
  const uint8_t* message = packet + header_size;
  return FoldChecksum(SumBytes(message, size - header_size)) == 0xffff &&
         ParseIcmpError(family, message, size - header_size, out);
}

void ReadSome(Family family, int fd, const std::function<void(const IcmpError&)>& callback) {
  uint8_t packet[4096];
  for (int i = 0; i < kReadsPerCall; ++i) {
    const ssize_t size = recv(fd, packet, sizeof(packet), MSG_TRUNC);
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    IcmpError error;
    if (size < 0 || static_cast<size_t>(size) > sizeof(packet)) continue;
    if (ReadMessage(family, packet, static_cast<size_t>(size), &error)) callback(error);
  }
}

}  // namespace

bool ParseIcmpError(Family family, const uint8_t* message, size_t size, IcmpError* out) {
  if (size < kIcmpHeaderSize || !IsRelayedType(family, message[0])) return false;
  out->type = message[0];
  out->code = message[1];
  out->error_data = ErrorData(family, message);
  const uint8_t* quoted = message + kIcmpHeaderSize;
  const size_t quoted_size = size - kIcmpHeaderSize;
  return family == Family::kIpv4 ? ReadQuotedIpv4(quoted, quoted_size, out)
                                 : ReadQuotedIpv6(quoted, quoted_size, out);
}

absl::StatusOr<std::unique_ptr<IcmpListener>> IcmpListener::Create() {
  std::unique_ptr<IcmpListener> listener(new IcmpListener);
  const auto v4 = OpenRaw(Family::kIpv4);
  if (!v4.ok()) return v4.status();
  listener->v4_fd_ = *v4;
  const auto v6 = OpenRaw(Family::kIpv6);
  if (!v6.ok()) return v6.status();
  listener->v6_fd_ = *v6;
  return listener;
}

IcmpListener::~IcmpListener() {
  for (int fd : fds()) close(fd);
}

std::vector<int> IcmpListener::fds() const {
  std::vector<int> fds;
  if (v4_fd_ >= 0) fds.push_back(v4_fd_);
  if (v6_fd_ >= 0) fds.push_back(v6_fd_);
  return fds;
}

void IcmpListener::OnReadable(const std::function<void(const IcmpError&)>& callback) {
  if (v4_fd_ >= 0) ReadSome(Family::kIpv4, v4_fd_, callback);
  if (v6_fd_ >= 0) ReadSome(Family::kIpv6, v6_fd_, callback);
}

}  // namespace causeway::next_hop
