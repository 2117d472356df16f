// The command line of causeway-gen, parsed and checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/address.h"
#include "perf/gen/endpoint_plan.h"
#include "perf/gen/profile.h"

namespace causeway::gen {

enum class Load : uint8_t { kNone, kChannelData, kSend, kPeer, kBoth };
enum class Flood : uint8_t { kNone, kAllocate, kAllocateAuth, kBinding, kGarbage };
/// The names of --load and --flood; "none" for kNone.
const char* LoadName(Load load);
const char* FloodName(Flood flood);

/// What one run shall do. Every combination that ParseOptions lets pass makes sense: what a comment
/// demands here has been checked.
struct Options {
  /// A DPDK device string ("net_af_xdp0,iface=eth1") or a PCI address with its domain.
  std::string device;
  /// The interface of --interface; empty with --device.
  std::string interface;
  std::optional<unsigned> cpu;  // nullopt: the last usable one
  bool realtime = false;
  unsigned poll_sleep_us = 0;  // at most 10,000

  Endpoint server;
  /// The server's address when --gateway is not given; of the server's family.
  IpAddress gateway;
  /// Of the server's family; holds allocations + flood_clients at least.
  EndpointPlan clients;
  /// Of one family, which may differ from the server's; holds `allocations` at least.
  EndpointPlan peers;
  /// No TURN at all: the load goes to this MAC, whose owner sends the frames back. With a load and
  /// without flood and keepalive.
  std::optional<MacAddress> reflect;
  std::string user;  // empty: no credentials; then no flood is kAllocateAuth
  std::string password;
  std::string realm;  // empty: the one that the server names

  /// 0 only with a flood and without load and keepalive.
  uint32_t allocations = 1;
  bool channels = true;     // false only when `load` is not kChannelData
  uint32_t setup_rate = 0;  // allocations a second; 0: as fast as answers come
  uint32_t outstanding = 256;
  bool keep_allocations = false;

  Load load = Load::kNone;
  uint32_t active = 1;  // allocations with load, 1 to `allocations`; 0 only when those are
  Profile profile = Profile::Fixed(172);
  double rate_pps = 0;  // of all directions together; 0: all that the link takes
  bool search = false;
  double loss_bound = 0.001;  // a fraction
  double min_rate_pps = 1'000;
  double max_rate_pps = 20'000'000;
  double trial_seconds = 2;
  double resolution = 0.02;  // a fraction
  double duration_seconds = 10;

  double keepalive_seconds = 0;  // 0: none
  Flood flood = Flood::kNone;
  double flood_rate_pps = 0;  // 0: closed loop
  uint32_t flood_outstanding = 64;
  /// Five-tuples of the flood: clients.At(allocations) and those that follow. 0 without a flood.
  uint32_t flood_clients = 0;

  std::string json_file;  // "-": standard output; empty: none
  bool quiet = false;
  std::string pcap_file;  // empty: none
  uint32_t pcap_packets = 100'000;

  /// The command line for the report, the password replaced by "***".
  std::vector<std::string> command;
};

struct CommandLine {
  /// --help or --version: print this to standard output and exit with 0.
  std::string print;
  Options options;
};

/// InvalidArgumentError in one line that names option, value and remedy, and never quotes the
/// password.
absl::StatusOr<CommandLine> ParseOptions(int argc, const char* const* argv);

/// The bytes that IP, UDP and TURN headers add to the application's data where they add most: on
/// the client's leg (4 bytes of ChannelData, or a Send or Data indication whose padding is counted
/// in full) or on the peer's.
uint16_t LegOverhead(const Options& options);

}  // namespace causeway::gen
