// Frames written to a file that tcpdump, TRex and pktgen-dpdk read.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// As in pcap.h, which only the source needs.
struct pcap;
struct pcap_dumper;

namespace causeway::gen {

/// One file of Ethernet frames in libpcap's classic format, times in microseconds. One thread.
/// Writing goes through stdio's buffer and may wait for the disk: a measurement with it is not one.
class PcapOut {
 public:
  /// The error names the file and says why it cannot be written.
  static absl::StatusOr<std::unique_ptr<PcapOut>> Open(const std::string& path,
                                                       uint64_t max_packets);
  ~PcapOut();
  PcapOut(const PcapOut&) = delete;
  PcapOut& operator=(const PcapOut&) = delete;

  bool full() const { return written_ >= max_packets_; }
  uint64_t written() const { return written_; }
  /// A frame without its check sequence, sent `nanoseconds` after the first. Nothing when full().
  void Write(const void* frame, uint32_t size, uint64_t nanoseconds);
  /// Ends the file; the error says what could not be written. Idempotent; the destructor's ignores
  /// errors.
  absl::Status Close();

 private:
  PcapOut(std::string path, pcap* handle, pcap_dumper* dumper, uint64_t max_packets);

  std::string path_;
  pcap* handle_;
  pcap_dumper* dumper_;
  uint64_t written_ = 0;
  uint64_t max_packets_;
};

}  // namespace causeway::gen
