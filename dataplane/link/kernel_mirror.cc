#include "dataplane/link/kernel_mirror.h"

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/link/interface.h"
#include "dataplane/link/kernel_routes.h"

namespace causeway {

absl::StatusOr<std::unique_ptr<KernelMirror>> KernelMirror::Create(
    const MacAddress& mac, unsigned mtu, absl::Span<const Prefix> addresses) {
  UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  ifreq request = {};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strncpy(request.ifr_name, "causeway%d", IFNAMSIZ - 1);
  if (!fd.ok() || ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    return absl::ErrnoToStatus(errno,
                               "cannot make the kernel's mirror of the link, a TAP interface: it "
                               "takes /dev/net/tun (modprobe tun) and CAP_NET_ADMIN");
  }
  const std::string name = request.ifr_name;
  if (absl::Status status = ConfigureInterface(name, mac, mtu); !status.ok()) return status;
  absl::StatusOr<Interface> interface = ReadInterface(name);
  if (!interface.ok()) return interface.status();
  for (const Prefix& address : addresses) {
    if (absl::Status status = AddInterfaceAddress(interface->index, address); !status.ok())
      return status;
  }
  return std::unique_ptr<KernelMirror>(new KernelMirror(std::move(fd), name, interface->index));
}

size_t KernelMirror::Read(absl::Span<uint8_t> frame) {
  const ssize_t size = read(fd_.get(), frame.data(), frame.size());
  return size < 0 ? 0 : static_cast<size_t>(size);
}

void KernelMirror::Write(absl::Span<const uint8_t> frame) {
  [[maybe_unused]] const ssize_t written = write(fd_.get(), frame.data(), frame.size());
}

}  // namespace causeway
