#include "perf/gen/pcap_out.h"

#include <pcap/pcap.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace causeway::gen {
namespace {

constexpr int kSnapLength = 65535;

absl::Status Unwritable(const std::string& path, absl::string_view reason) {
  return absl::UnavailableError(
      absl::StrCat("--pcap-out ", path, ": ", reason, ": give a file that can be written"));
}

}  // namespace

PcapOut::PcapOut(std::string path, pcap* handle, pcap_dumper* dumper, uint64_t max_packets)
    : path_(std::move(path)), handle_(handle), dumper_(dumper), max_packets_(max_packets) {}

absl::StatusOr<std::unique_ptr<PcapOut>> PcapOut::Open(const std::string& path,
                                                       uint64_t max_packets) {
  FILE* file = std::fopen(path.c_str(), "wbe");
  if (file == nullptr) return Unwritable(path, std::strerror(errno));
  pcap_t* handle = pcap_open_dead(DLT_EN10MB, kSnapLength);
  pcap_dumper_t* dumper = pcap_dump_fopen(handle, file);
  if (dumper == nullptr) {
    const absl::Status status = Unwritable(path, pcap_geterr(handle));
    pcap_close(handle);
    std::fclose(file);
    return status;
  }
  return std::unique_ptr<PcapOut>(new PcapOut(path, handle, dumper, max_packets));
}

PcapOut::~PcapOut() { Close().IgnoreError(); }

void PcapOut::Write(const void* frame, uint32_t size, uint64_t nanoseconds) {
  if (full() || dumper_ == nullptr) return;
  pcap_pkthdr header{};
  header.ts.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000);
  header.ts.tv_usec = static_cast<suseconds_t>(nanoseconds % 1'000'000'000 / 1000);
  header.caplen = size;
  header.len = size;
  pcap_dump(reinterpret_cast<u_char*>(dumper_), &header, static_cast<const u_char*>(frame));
  ++written_;
}

absl::Status PcapOut::Close() {
  if (dumper_ == nullptr) return absl::OkStatus();
  errno = 0;
  const bool flushed = pcap_dump_flush(dumper_) == 0;
  const bool good = flushed && std::ferror(pcap_dump_file(dumper_)) == 0;
  const int reason = errno;
  pcap_dump_close(dumper_);
  pcap_close(handle_);
  dumper_ = nullptr;
  handle_ = nullptr;
  if (good) return absl::OkStatus();
  return Unwritable(path_, reason != 0 ? std::strerror(reason) : "not everything was written");
}

}  // namespace causeway::gen
