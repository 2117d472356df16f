#include "dataplane/link/reservation.h"

#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/link/try_while_held.h"

namespace causeway {
namespace {

constexpr char kRange[] = "/proc/sys/net/ipv4/ip_local_port_range";
constexpr char kReserved[] = "/proc/sys/net/ipv4/ip_local_reserved_ports";

uint64_t EffectiveCapabilities() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (syscall(SYS_capget, &header, data) != 0) return 0;
  return data[0].effective | uint64_t{data[1].effective} << 32;
}

std::string HolderOf(const sockaddr_un& address, socklen_t size) {
  const UniqueFd peer(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  ucred holder = {};
  socklen_t length = sizeof(holder);
  if (connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      getsockopt(peer.get(), SOL_SOCKET, SO_PEERCRED, &holder, &length) != 0 || holder.pid == 0) {
    return "";
  }
  return absl::StrCat(" (process ", holder.pid, ")");
}

absl::StatusOr<UniqueFd> BindUdp(const IpAddress& address, uint16_t port) {
  const int on = 1;
  UniqueFd fd(socket(address.IsV4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  int bound = -1;
  if (address.IsV4()) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    std::memcpy(&to.sin_addr, address.v4_bytes(), 4);
    setsockopt(fd.get(), IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
    bound = bind(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to));
  } else {
    sockaddr_in6 to = {};
    to.sin6_family = AF_INET6;
    to.sin6_port = htons(port);
    std::memcpy(&to.sin6_addr, address.bytes(), 16);
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
    bound = bind(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to));
  }
  if (bound == 0) return fd;
  const std::string where = Endpoint{address, port}.ToString();
  if (errno == EADDRINUSE) {
    return absl::AlreadyExistsError(
        absl::StrCat("UDP port ", where, " is in use by another program (ss -ulpn sport = :", port,
                     " names it); stop it or choose another --port"));
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot reserve UDP port ", where));
}

// `holder` is asked for once: its queue of connections is short.
absl::StatusOr<UniqueFd> TryToClaimInterface(const std::string& name, std::string& holder) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string path = absl::StrCat("causeway/", name);
  std::memcpy(address.sun_path + 1, path.data(),
              std::min(path.size(), sizeof(address.sun_path) - 1));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 && listen(fd.get(), 8) == 0)
    return fd;
  if (errno == EADDRINUSE) {
    if (holder.empty()) holder = HolderOf(address, size);
    return absl::AlreadyExistsError(
        absl::StrCat("another instance runs on interface ", name, holder, ": stop it first"));
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot claim interface ", name));
}

bool IsHeld(const absl::StatusOr<UniqueFd>& attempt) {
  return absl::IsAlreadyExists(attempt.status());
}

std::string ReadLine(const char* path) {
  std::string line;
  std::ifstream file(path);
  std::getline(file, line);
  return line;
}

}  // namespace

absl::Status CheckPrivileges() {
  const uint64_t have = EffectiveCapabilities();
  const auto has = [have](int capability) { return (have >> capability & 1) != 0; };
  std::vector<std::string> missing;
  if (!has(CAP_NET_ADMIN)) missing.emplace_back("CAP_NET_ADMIN");
  if (!has(CAP_NET_RAW)) missing.emplace_back("CAP_NET_RAW");
  for (const auto& [capability, name] :
       {std::pair(CAP_BPF, "CAP_BPF"), std::pair(CAP_PERFMON, "CAP_PERFMON")}) {
    if (!has(capability) && !has(CAP_SYS_ADMIN)) missing.emplace_back(name);
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("no privileges for AF_XDP: run as root, or with ",
                                                  absl::StrJoin(missing, ", "),
                                                  " (CAP_IPC_LOCK too, for locked memory)"));
}

absl::StatusOr<UniqueFd> ClaimInterface(const std::string& name) {
  std::string holder;
  return TryWhileHeld([&] { return TryToClaimInterface(name, holder); }, IsHeld);
}

absl::StatusOr<std::vector<UniqueFd>> ReservePort(absl::Span<const IpAddress> addresses,
                                                  uint16_t port) {
  std::vector<UniqueFd> sockets;
  for (const IpAddress& address : addresses) {
    absl::StatusOr<UniqueFd> bound = TryWhileHeld([&] { return BindUdp(address, port); }, IsHeld);
    if (!bound.ok()) return bound.status();
    sockets.push_back(std::move(*bound));
  }
  return sockets;
}

std::string LocalPortWarning(uint16_t first, uint16_t last) {
  return LocalPortWarning(first, last, ReadLine(kRange), ReadLine(kReserved));
}

std::string LocalPortWarning(uint16_t first, uint16_t last, const std::string& range,
                             const std::string& reserved) {
  const std::vector<std::string> bounds =
      absl::StrSplit(range, absl::ByAnyChar("\t "), absl::SkipEmpty());
  unsigned low = 0;
  unsigned high = 0;
  if (bounds.size() != 2 || !absl::SimpleAtoi(bounds[0], &low) ||
      !absl::SimpleAtoi(bounds[1], &high))
    return "";
  std::bitset<65536> kept;
  for (const absl::string_view part : absl::StrSplit(reserved, ',', absl::SkipWhitespace())) {
    const std::vector<absl::string_view> ends = absl::StrSplit(part, '-');
    unsigned from = 0;
    unsigned to = 0;
    if (!absl::SimpleAtoi(ends.front(), &from) || !absl::SimpleAtoi(ends.back(), &to)) continue;
    for (unsigned port = from; port <= std::min(to, 65535u); ++port) kept.set(port);
  }
  bool overlap = false;
  for (unsigned port = std::max<unsigned>(first, low); port <= std::min<unsigned>(last, high);
       ++port) {
    overlap = overlap || !kept.test(port);
  }
  if (!overlap) return "";
  const std::string before = std::string(absl::StripAsciiWhitespace(reserved));
  return absl::StrCat("the kernel may pick relay ports for its own sockets (local ports ", low, "-",
                      high,
                      "), and would then not hear the answers: sysctl -w "
                      "net.ipv4.ip_local_reserved_ports=",
                      before, before.empty() ? "" : ",", first, "-", last);
}

}  // namespace causeway
