#include "control/next_hop/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_format.h"

namespace causeway::next_hop {
namespace {

constexpr int kReceiveBufferBytes = 8 << 20;
constexpr int kNoticesPerRead = 256;
constexpr int kNoticesThrownAway = 100'000;
constexpr int kDumpAttempts = 4;
constexpr std::array kGroups = {RTNLGRP_LINK,       RTNLGRP_NEIGH,       RTNLGRP_IPV4_ROUTE,
                                RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
                                RTNLGRP_NEXTHOP};

absl::Status Failure(int error, const char* what) {
  return absl::ErrnoToStatus(error, absl::StrFormat("netlink: %s", what));
}

class Socket {
 public:
  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (socket_ != nullptr) mnl_socket_close(socket_);
  }

  absl::Status Open(int flags) {
    socket_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | flags);
    if (socket_ == nullptr) return Failure(errno, "cannot open a NETLINK_ROUTE socket");
    if (mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) < 0) {
      return Failure(errno, "cannot bind the socket");
    }
    return absl::OkStatus();
  }
  mnl_socket* get() const { return socket_; }
  int fd() const { return mnl_socket_get_fd(socket_); }
  uint32_t port() const { return mnl_socket_get_portid(socket_); }

 private:
  mnl_socket* socket_ = nullptr;
};

class MnlNetlink : public Netlink {
 public:
  absl::Status Open();
  int fd() const override { return notices_.fd(); }
  absl::StatusOr<Notices> ReadNotices(const Handler& handler) override;
  absl::Status Dump(uint16_t type, uint8_t family, const Handler& handler) override;
  absl::Status UseNeighbour(int interface_index, const IpAddress& address) override;

 private:
  absl::Status Subscribe();
  Notices ThrowAway();
  // One reply in full: until its end, its acknowledgement or an error.
  absl::Status ReadReply(uint32_t sequence, const Handler& handler, bool* interrupted);

  Socket notices_;   // subscribed, never blocks
  Socket requests_;  // dumps and requests, answered before the call returns
  uint32_t sequence_ = 0;
  alignas(nlmsghdr) std::array<char, 65536> buffer_;
};

absl::Status MnlNetlink::Open() {
  if (absl::Status s = requests_.Open(0); !s.ok()) return s;
  const timeval limit = {.tv_sec = 2, .tv_usec = 0};
  if (setsockopt(requests_.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0) {
    return Failure(errno, "cannot set SO_RCVTIMEO");
  }
  if (absl::Status s = notices_.Open(SOCK_NONBLOCK); !s.ok()) return s;
  return Subscribe();
}

absl::Status MnlNetlink::Subscribe() {
  // Without CAP_NET_ADMIN the second takes what net.core.rmem_max allows.
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes,
                 sizeof(kReceiveBufferBytes)) < 0 &&
      setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof(kReceiveBufferBytes)) <
          0) {
    return Failure(errno, "cannot set the receive buffer's size");
  }
  for (int group : kGroups) {
    if (mnl_socket_setsockopt(notices_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
      return Failure(errno, "cannot subscribe to notices");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Netlink::Notices> MnlNetlink::ReadNotices(const Handler& handler) {
  for (int i = 0; i < kNoticesPerRead; ++i) {
    const ssize_t size = mnl_socket_recvfrom(notices_.get(), buffer_.data(), buffer_.size());
    if (size < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return Notices::kRead;
      if (errno == EINTR) continue;
      if (errno == ENOBUFS || errno == ENOSPC) return ThrowAway();
      return Failure(errno, "cannot read notices");
    }
    int left = static_cast<int>(size);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type >= NLMSG_MIN_TYPE) handler(*message);
    }
  }
  return Notices::kRead;
}

Netlink::Notices MnlNetlink::ThrowAway() {
  // Notices queued before the loss are older than the dump to come and must not be applied over it.
  for (int i = 0; i < kNoticesThrownAway; ++i) {
    const ssize_t size = mnl_socket_recvfrom(notices_.get(), buffer_.data(), buffer_.size());
    if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
  }
  return Notices::kLost;
}

absl::Status MnlNetlink::ReadReply(uint32_t sequence, const Handler& handler, bool* interrupted) {
  while (true) {
    const ssize_t size = mnl_socket_recvfrom(requests_.get(), buffer_.data(), buffer_.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failure(errno, "cannot read the kernel's answer");
    int left = static_cast<int>(size);
    auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_seq != sequence) continue;
      if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) *interrupted = true;
      if (message->nlmsg_type == NLMSG_DONE) return absl::OkStatus();
      if (message->nlmsg_type == NLMSG_ERROR) {
        if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) {
          return absl::InternalError("netlink: the kernel's error is cut short");
        }
        const int error = -static_cast<nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
        return error == 0 ? absl::OkStatus() : Failure(error, "the kernel refused the request");
      }
      if (message->nlmsg_type >= NLMSG_MIN_TYPE) handler(*message);
    }
  }
}

absl::Status MnlNetlink::Dump(uint16_t type, uint8_t family, const Handler& handler) {
  for (int attempt = 1;; ++attempt) {
    alignas(nlmsghdr) std::array<char, 128> request = {};
    nlmsghdr* header = mnl_nlmsg_put_header(request.data());
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = ++sequence_;
    // All four kinds of request begin with the family; the longest fixed part is a link's.
    auto* body = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg)));
    body->ifi_family = family;
    if (mnl_socket_sendto(requests_.get(), header, header->nlmsg_len) < 0) {
      return Failure(errno, "cannot ask for a dump");
    }
    bool interrupted = false;
    // Kept until the dump is known to be whole, so that the handler sees one consistent state.
    std::vector<std::vector<char>> messages;
    absl::Status status = ReadReply(
        header->nlmsg_seq,
        [&](const nlmsghdr& m) {
          const char* first = reinterpret_cast<const char*>(&m);
          messages.emplace_back(first, first + m.nlmsg_len);
        },
        &interrupted);
    if (!status.ok()) return status;
    if (interrupted && attempt < kDumpAttempts) continue;
    for (const auto& m : messages) handler(*reinterpret_cast<const nlmsghdr*>(m.data()));
    return absl::OkStatus();
  }
}

absl::Status MnlNetlink::UseNeighbour(int interface_index, const IpAddress& address) {
  alignas(nlmsghdr) std::array<char, 128> request = {};
  nlmsghdr* header = mnl_nlmsg_put_header(request.data());
  header->nlmsg_type = RTM_NEWNEIGH;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  header->nlmsg_seq = ++sequence_;
  auto* body = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(ndmsg)));
  body->ndm_family = address.IsV4() ? AF_INET : AF_INET6;
  body->ndm_ifindex = interface_index;
  body->ndm_state = NUD_NONE;
  body->ndm_flags = NTF_USE;
  if (address.IsV4()) {
    mnl_attr_put(header, NDA_DST, 4, address.v4_bytes());
  } else {
    mnl_attr_put(header, NDA_DST, 16, address.bytes());
  }
  if (mnl_socket_sendto(requests_.get(), header, header->nlmsg_len) < 0) {
    return Failure(errno, "cannot send a neighbour request");
  }
  bool interrupted = false;
  return ReadReply(
      header->nlmsg_seq, [](const nlmsghdr&) {}, &interrupted);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Netlink>> OpenNetlink() {
  auto netlink = std::make_unique<MnlNetlink>();
  if (absl::Status s = netlink->Open(); !s.ok()) return s;
  return std::unique_ptr<Netlink>(std::move(netlink));
}

}  // namespace causeway::next_hop
