#include "dataplane/link/port.h"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/link/log_capture.h"
#include "dataplane/link/try_while_held.h"
#include "dataplane/link/xdp_socket.h"

namespace causeway {
namespace {

constexpr uint16_t kDescriptors = 2048;
constexpr int kNoDriver = -EFAULT;  // what EAL says when no bus knows the name
constexpr uint64_t kUdpRss = RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP |
                             RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6;

absl::Status PortError(absl::string_view what, const std::string& driver, int error) {
  return absl::InternalError(
      absl::StrCat("DPDK driver ", driver, " cannot ", what, ": ", rte_strerror(std::abs(error))));
}

absl::Status ReceiveQueueError(uint16_t queue, const std::string& driver, int error) {
  const std::string socket = TakeXdpSocketError();
  if (!socket.empty()) return absl::UnavailableError(socket);
  return PortError(absl::StrCat("set up receive queue ", queue), driver, error);
}

std::string FullPciAddress(const std::string& device) {
  return device.size() == 7 ? "0000:" + device : device;
}

absl::Status SetUpQueues(uint16_t id, const rte_eth_dev_info& info,
                         absl::Span<rte_mempool* const> pools) {
  uint16_t receive = kDescriptors;
  uint16_t transmit = kDescriptors;
  if (int error = rte_eth_dev_adjust_nb_rx_tx_desc(id, &receive, &transmit); error != 0)
    return PortError("size its queues", info.driver_name, error);
  const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(id));
  const auto queues = static_cast<uint16_t>(pools.size());
  for (uint16_t queue = 0; queue < queues; ++queue) {
    if (int error = rte_eth_rx_queue_setup(id, queue, receive, socket, nullptr, pools[queue]);
        error != 0)
      return ReceiveQueueError(queue, info.driver_name, error);
    if (int error = rte_eth_tx_queue_setup(id, queue, transmit, socket, nullptr); error != 0)
      return PortError(absl::StrCat("set up transmit queue ", queue), info.driver_name, error);
  }
  return absl::OkStatus();
}

// What a device takes (an interface's name, a socket) may be held for a moment by a program that is
// just ending; drivers do not tell that from other errors. DPDK's log is that of the last attempt.
int AddDevice(const std::string& name, const std::string& arguments) {
  std::string log;
  const auto add = [&] {
    LogCapture capture;
    const int error = rte_eal_hotplug_add("vdev", name.c_str(), arguments.c_str());
    log = capture.Finish();
    return error;
  };
  const int error = TryWhileHeld(add, [](int result) {
    return result != 0 && result != -EEXIST && result != kNoDriver && result != -ENOMEM;
  });
  std::fputs(log.c_str(), rte_log_get_stream());
  return error;
}

MacAddress PortMac(uint16_t id) {
  rte_ether_addr address = {};
  if (rte_eth_macaddr_get(id, &address) != 0 || rte_is_zero_ether_addr(&address))
    rte_eth_random_addr(address.addr_bytes);
  MacAddress mac;
  std::copy_n(address.addr_bytes, mac.size(), mac.begin());
  return mac;
}

}  // namespace

bool IsPciAddress(const std::string& device) {
  const std::string full = FullPciAddress(device);
  constexpr char kPattern[] = "hhhh:hh:hh.h";
  if (full.size() != sizeof(kPattern) - 1) return false;
  for (size_t i = 0; i < full.size(); ++i) {
    const bool hex = std::isxdigit(static_cast<unsigned char>(full[i])) != 0;
    if (kPattern[i] == 'h' ? !hex : full[i] != kPattern[i]) return false;
  }
  return true;
}

absl::StatusOr<uint16_t> AddVirtualPort(const std::string& device) {
  const std::vector<std::string> parts = absl::StrSplit(device, absl::MaxSplits(',', 1));
  const std::string& name = parts[0];
  const std::string arguments = parts.size() > 1 ? parts[1] : "";
  const int error = AddDevice(name, arguments);
  uint16_t id = 0;
  if (error == 0 && rte_eth_dev_get_port_by_name(name.c_str(), &id) == 0) return id;
  if (error == -EEXIST) {
    return absl::AlreadyExistsError(absl::StrCat("DPDK device ", name, " is open already"));
  }
  if (error == kNoDriver) {
    return absl::NotFoundError(
        absl::StrCat("DPDK has no driver ", name.substr(0, name.find_last_not_of("0123456789") + 1),
                     " for device ", name, ": check the name, and that the driver is installed"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "DPDK cannot open device \"", device,
      "\": ", error == 0 ? "it is not an Ethernet device" : rte_strerror(std::abs(error)),
      "; check its arguments and your privileges"));
}

absl::StatusOr<uint16_t> FindPciPort(const std::string& address) {
  const std::string full = FullPciAddress(address);
  uint16_t id = 0;
  if (rte_eth_dev_get_port_by_name(full.c_str(), &id) == 0) return id;
  const std::filesystem::path device = "/sys/bus/pci/devices/" + full;
  std::error_code error;
  if (!std::filesystem::exists(device, error)) {
    return absl::NotFoundError(
        absl::StrCat("there is no PCI device ", full, " (dpdk-devbind.py --status lists them)"));
  }
  const std::string driver = std::filesystem::read_symlink(device / "driver", error).filename();
  if (driver == "vfio-pci" || driver == "uio_pci_generic" || driver == "igb_uio") {
    return absl::FailedPreconditionError(
        absl::StrCat("no DPDK driver opens PCI device ", full, ", though it is bound to ", driver,
                     ": is it a network device, and free (no other DPDK program)?"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "PCI device ", full, " is bound to ", driver.empty() ? "no driver" : driver,
      " instead of vfio-pci: modprobe vfio-pci && dpdk-devbind.py --bind=vfio-pci ", full));
}

absl::StatusOr<unsigned> PortQueues(uint16_t id) {
  rte_eth_dev_info info = {};
  if (int error = rte_eth_dev_info_get(id, &info); error != 0)
    return PortError("describe its port", "", error);
  return std::max<unsigned>(1, std::min(info.max_rx_queues, info.max_tx_queues));
}

absl::StatusOr<Port> StartPort(uint16_t id, uint16_t mtu, absl::Span<rte_mempool* const> pools) {
  rte_eth_dev_info info = {};
  if (int error = rte_eth_dev_info_get(id, &info); error != 0)
    return PortError("describe its port", "", error);
  const size_t queues = std::min(info.max_rx_queues, info.max_tx_queues);
  if (queues < pools.size()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the device (driver ", info.driver_name, ") has ", queues, " queue(s) for ", pools.size(),
        " workers: use --workers ", queues, ", or give the device more"));
  }
  rte_eth_conf conf = {};
  conf.rxmode.mtu = info.max_mtu == 0 ? mtu : std::min(mtu, info.max_mtu);
  if (pools.size() > 1 && (info.flow_type_rss_offloads & kUdpRss) != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = info.flow_type_rss_offloads & kUdpRss;
  }
  const auto count = static_cast<uint16_t>(pools.size());
  if (int error = rte_eth_dev_configure(id, count, count, &conf); error != 0)
    return PortError("be configured", info.driver_name, error);
  if (absl::Status status = SetUpQueues(id, info, pools); !status.ok()) return status;
  if (int error = rte_eth_dev_start(id); error != 0)
    return PortError("start", info.driver_name, error);
  return Port{id, PortMac(id), static_cast<uint16_t>(conf.rxmode.mtu), info.driver_name,
              conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS};
}

void RemovePort(uint16_t id) {
  rte_eth_dev_info info = {};
  if (rte_eth_dev_info_get(id, &info) != 0) return;
  rte_eth_dev_stop(id);
  rte_dev_remove(info.device);
}

}  // namespace causeway
