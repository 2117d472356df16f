#include "dataplane/link/device_link.h"

#include <rte_ethdev.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/link/kernel_mirror.h"
#include "dataplane/link/kernel_routes.h"
#include "dataplane/link/port.h"
#include "dataplane/link/rss.h"
#include "dataplane/link/steering.h"

namespace causeway {
namespace {

// Drivers whose other end is a Linux kernel that may leave checksums to hardware that is not there.
constexpr const char* kKernelPeers[] = {"net_tap",    "net_af_packet", "net_virtio_user",
                                        "net_virtio", "net_af_xdp",    "net_vhost",
                                        "net_pcap"};

class DeviceLink : public Link {
 public:
  DeviceLink(Port port, std::unique_ptr<KernelMirror> mirror, std::unique_ptr<KernelRoutes> routes,
             const NodeConfig& node)
      : port_(std::move(port)), mirror_(std::move(mirror)), routes_(std::move(routes)) {
    if (node.shards > 1) Steer(node);
  }
  ~DeviceLink() override {
    rules_ = FlowRules();  // while the port runs
    RemovePort(port_.id);
  }

  uint16_t port_id() const override { return port_.id; }
  MacAddress mac() const override { return port_.mac; }
  uint16_t mtu() const override { return port_.mtu; }
  bool partial_checksums() const override {
    return std::find(std::begin(kKernelPeers), std::end(kKernelPeers), port_.driver) !=
           std::end(kKernelPeers);
  }
  bool kernel_keeps_interface() const override { return false; }
  const std::string& kernel_interface() const override { return mirror_->name(); }
  int mirror_fd() const override { return mirror_->fd(); }
  size_t ReadMirror(absl::Span<uint8_t> frame) override { return mirror_->Read(frame); }
  void WriteMirror(absl::Span<const uint8_t> frame) override { mirror_->Write(frame); }
  const std::string& steering() const override { return steering_; }
  std::vector<std::string> warnings() const override { return {}; }

 private:
  // Flow rules are exact for both families and leave clients to the device; RSS is next.
  void Steer(const NodeConfig& node) {
    const std::string dealt =
        port_.rss ? "by RSS" : absl::StrCat("as driver ", port_.driver, " pleases");
    absl::StatusOr<FlowRules> rules = FlowRules::Create(port_.id, node);
    if (rules.ok()) {
      rules_ = *std::move(rules);
      steering_ = absl::StrCat("peers' datagrams come to their worker by ", rules_.size(),
                               " flow rules of driver ", port_.driver, ", clients' ", dealt);
      return;
    }
    const absl::StatusOr<RssPlan> rss =
        port_.rss ? SteerByRss(port_.id, node) : absl::UnimplementedError("it has none");
    if (rss.ok()) {
      steering_ = absl::StrCat("peers' ", rss->is_v6 ? "IPv6" : "IPv4",
                               " datagrams come to their worker by RSS of driver ", port_.driver,
                               ", with this node's key and redirection table of ",
                               rss->queues.size(), " entries, clients' by source port");
      return;
    }
    steering_ = absl::StrCat("datagrams come ", dealt,
                             ", and are handed off when they are another worker's; driver ",
                             port_.driver, " refuses flow rules: ", rules.status().message(),
                             "; and RSS by relay port: ", rss.status().message());
  }

  Port port_;
  FlowRules rules_;
  std::string steering_;
  std::unique_ptr<KernelMirror> mirror_;
  std::unique_ptr<KernelRoutes> routes_;
};

bool IsAssigned(const Prefix& prefix, absl::Span<const Prefix> addresses) {
  return prefix.length == 128 &&
         std::any_of(addresses.begin(), addresses.end(),
                     [&](const Prefix& each) { return each.address == prefix.address; });
}

absl::StatusOr<uint16_t> FindOrAddPort(const std::string& device) {
  return IsPciAddress(device) ? FindPciPort(device) : AddVirtualPort(device);
}

}  // namespace

absl::StatusOr<unsigned> DeviceQueues(const LinkConfig& config) {
  absl::StatusOr<uint16_t> id = FindOrAddPort(config.device);
  if (!id.ok()) return id.status();
  absl::StatusOr<unsigned> queues = PortQueues(*id);
  if (!IsPciAddress(config.device)) RemovePort(*id);
  return queues;
}

absl::StatusOr<std::unique_ptr<Link>> OpenDeviceLink(const LinkConfig& config,
                                                     absl::Span<rte_mempool* const> pools) {
  const bool pci = IsPciAddress(config.device);
  absl::StatusOr<uint16_t> id = FindOrAddPort(config.device);
  if (!id.ok()) return id.status();
  absl::StatusOr<Port> port = StartPort(*id, kDeviceMtu, pools);
  if (!port.ok()) {
    RemovePort(*id);
    return port.status();
  }
  // The mirror needs neighbour solicitations, which are multicast. Virtual devices have no filter.
  if (rte_eth_allmulticast_enable(*id) != 0 && pci) rte_eth_promiscuous_enable(*id);

  absl::StatusOr<std::unique_ptr<KernelMirror>> mirror =
      KernelMirror::Create(port->mac, port->mtu, config.mirror_addresses);
  if (!mirror.ok()) {
    RemovePort(*id);
    return mirror.status();
  }
  std::vector<Prefix> routed;
  for (const Prefix& prefix : config.relay_prefixes) {
    if (!IsAssigned(prefix, config.mirror_addresses)) routed.push_back(prefix);
  }
  absl::StatusOr<std::unique_ptr<KernelRoutes>> routes =
      KernelRoutes::Add((*mirror)->ifindex(), routed);
  if (!routes.ok()) {
    RemovePort(*id);
    return routes.status();
  }
  return std::make_unique<DeviceLink>(*std::move(port), *std::move(mirror), *std::move(routes),
                                      config.node);
}

}  // namespace causeway
