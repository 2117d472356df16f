// The generator's Ethernet port: EAL, packet buffers, one queue each way.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/address.h"
#include "perf/gen/options.h"

struct rte_mbuf;
struct rte_mempool;

namespace causeway::gen {

/// An open port and the one thread that polls it: Open pins the calling thread to options.cpu. One
/// instance per process.
class Port {
 public:
  static constexpr uint16_t kBurst = 32;

  /// Starts EAL (hugepages when enough are free), opens the device and waits for its link. Errors
  /// are one line that says what to do.
  static absl::StatusOr<std::unique_ptr<Port>> Open(const Options& options);
  /// Stops the port.
  ~Port();
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  uint16_t id() const { return id_; }
  const MacAddress& mac() const { return mac_; }
  /// Bytes of the largest IP packet.
  uint16_t mtu() const { return mtu_; }
  /// For error texts: the interface or the device string.
  const std::string& name() const { return name_; }
  /// A kernel at the other end may leave UDP checksums unfinished (veth, TAP).
  bool partial_checksums() const { return partial_checksums_; }

  /// An empty buffer, or nullptr when all are in use.
  rte_mbuf* NewFrame();
  rte_mempool* pool() const { return pool_; }
  /// Sends a frame at the next Flush, or at once when a burst has come together.
  void Send(rte_mbuf* frame);
  /// Sends what Send was given. Frames that the device has no room for are freed.
  void Flush();

 private:
  Port(uint16_t id, rte_mempool* pool) : id_(id), pool_(pool) {}

  uint16_t id_;
  rte_mempool* pool_;
  MacAddress mac_ = {};
  uint16_t mtu_ = 0;
  std::string name_;
  bool partial_checksums_ = false;
  rte_mbuf* waiting_[kBurst] = {};
  uint16_t waiting_count_ = 0;
};

}  // namespace causeway::gen
