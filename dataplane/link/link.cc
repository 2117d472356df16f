#include "dataplane/link/link.h"

#include <rte_log.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "dataplane/link/af_xdp_link.h"
#include "dataplane/link/device_link.h"

namespace causeway {
namespace {

// Holds back what DPDK logs, so that an error is one line.
class LogCapture {
 public:
  LogCapture() : previous_(rte_log_get_stream()), stream_(open_memstream(&text_, &size_)) {
    if (stream_ != nullptr) rte_openlog_stream(stream_);
  }
  ~LogCapture() { std::free(text_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  std::string Finish() {
    rte_openlog_stream(previous_);
    if (stream_ != nullptr) std::fclose(stream_);
    stream_ = nullptr;
    return std::string(text_ == nullptr ? "" : text_, size_);
  }

 private:
  FILE* previous_;
  char* text_ = nullptr;
  size_t size_ = 0;
  FILE* stream_;
};

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
