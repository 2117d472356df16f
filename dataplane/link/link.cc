#include "dataplane/link/link.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "dataplane/link/af_xdp_link.h"
#include "dataplane/link/device_link.h"
#include "dataplane/link/log_capture.h"

namespace causeway {
namespace {

// What `open` returns; with DPDK's first line of log where an error does not say why.
auto Captured(const auto& open) {
  LogCapture capture;
  auto result = open();
  const std::string log = capture.Finish();
  if (result.ok()) {
    std::fputs(log.c_str(), stderr);
  } else if (absl::IsInternal(result.status()) && !log.empty()) {
    result = absl::InternalError(
        absl::StrCat(result.status().message(), " (", log.substr(0, log.find('\n')), ")"));
  }
  return result;
}

}  // namespace

absl::Status Link::Check(const LinkConfig& config) {
  return config.device.empty() ? CheckAfXdpLink(config) : absl::OkStatus();
}

absl::StatusOr<uint16_t> Link::BufferMtu(const LinkConfig& config) {
  return config.device.empty() ? AfXdpMtu(config) : kDeviceMtu;
}

absl::StatusOr<unsigned> Link::Queues(const LinkConfig& config) {
  return Captured(
      [&] { return config.device.empty() ? AfXdpQueues(config) : DeviceQueues(config); });
}

absl::StatusOr<std::unique_ptr<Link>> Link::Open(const LinkConfig& config,
                                                 absl::Span<rte_mempool* const> pools) {
  return Captured([&] {
    return config.device.empty() ? OpenAfXdpLink(config, pools) : OpenDeviceLink(config, pools);
  });
}

}  // namespace causeway
