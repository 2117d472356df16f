#include "perf/gen/options.h"

#include <initializer_list>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "perf/gen/option_reader.h"

namespace causeway::gen {
namespace {

using config::BadValue;

constexpr uint32_t kMaxAllocations = 1u << 24;
constexpr double kMaxRate = 1e9;
constexpr double kMaxSeconds = 1e6;
constexpr const char* kLoadNames[] = {"none", "channeldata", "send", "peer", "both"};
constexpr const char* kFloodNames[] = {"none", "allocate", "allocate-auth", "binding", "garbage"};

absl::Status Error(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status FirstError(std::initializer_list<absl::Status> statuses) {
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadWire(const OptionReader& in, Options& out) {
  if (absl::Status both = in.Exclude("interface", "device"); !both.ok()) return both;
  if (!in.Has("interface") && !in.Has("device")) {
    return Error(
        "nothing says where the packets go: give --interface IFACE (AF_XDP) or --device DEVICE");
  }
  if (in.Has("interface")) {
    auto interface = config::ParseInterface("interface", in.Text("interface"));
    if (!interface.ok()) return interface.status();
    out.interface = *std::move(interface);
    out.device = absl::StrCat("net_af_xdp0,iface=", out.interface);
  } else {
    auto device = config::ParseDevice("device", in.Text("device"));
    if (!device.ok()) return device.status();
    out.device = *std::move(device);
  }
  out.realtime = in.Has("realtime");
  return FirstError({in.Number("cpu", 0, 1023, out.cpu),
                     in.Number("poll-sleep-us", 0, 10'000, out.poll_sleep_us)});
}

absl::Status ReadReflect(const OptionReader& in, Options& out) {
  absl::Status status =
      FirstError({in.Need(in.Has("load"), "--load", {"reflect"}), in.Exclude("reflect", "flood"),
                  in.Exclude("reflect", "keepalive"), in.Exclude("reflect", "user")});
  if (!status.ok() || !in.Has("reflect")) return status;
  const std::vector<absl::string_view> bytes = absl::StrSplit(in.Text("reflect"), ':');
  MacAddress& mac = out.reflect.emplace();
  bool good = bytes.size() == mac.size();
  for (size_t i = 0; good && i < mac.size(); ++i) {
    uint32_t byte = 0;
    good = bytes[i].size() == 2 && absl::SimpleHexAtoi(bytes[i], &byte);
    mac[i] = static_cast<uint8_t>(byte);
  }
  if (!good || (mac[0] & 1) != 0) {
    return BadValue("reflect", in.Text("reflect"),
                    "not the MAC of a port: give one like 02:00:00:00:00:05");
  }
  return absl::OkStatus();
}

absl::Status ReadServer(const OptionReader& in, Options& out) {
  if (!in.Has("server")) return Error("--server is missing: give the TURN server, ADDR[:PORT]");
  if (absl::Status status = in.Transport("server", out.server); !status.ok()) return status;
  out.gateway = out.server.address;
  if (!in.Has("gateway")) return absl::OkStatus();
  auto gateway = config::ParseHostAddress("gateway", in.Text("gateway"));
  if (!gateway.ok()) return gateway.status();
  if (gateway->family() != out.server.address.family()) {
    return BadValue("gateway", in.Text("gateway"),
                    absl::StrCat("not of the family of --server ", out.server.address.ToString(),
                                 ": give the next hop of that family"));
  }
  out.gateway = *gateway;
  return absl::OkStatus();
}

absl::Status CheckOwnAddresses(const OptionReader& in, const char* name, const EndpointPlan& plan,
                               const Options& out) {
  if (plan.AddressIndex(out.server.address)) {
    return BadValue(name, in.Text(name), "holds the server's address: give addresses nobody has");
  }
  if (plan.AddressIndex(out.gateway)) {
    return BadValue(name, in.Text(name), "holds the gateway's address: give addresses nobody has");
  }
  return absl::OkStatus();
}

absl::Status ReadPlans(const OptionReader& in, Options& out) {
  if (!in.Has("client-address")) {
    return Error("--client-address is missing: give the addresses that the clients take");
  }
  absl::Status status = FirstError({in.Plan("client-address", "client-ports", out.clients),
                                    in.Plan("peer-address", "peer-ports", out.peers),
                                    CheckOwnAddresses(in, "client-address", out.clients, out),
                                    CheckOwnAddresses(in, "peer-address", out.peers, out)});
  if (!status.ok()) return status;
  if (out.clients.family() != out.server.address.family()) {
    return BadValue("client-address", in.Text("client-address"),
                    absl::StrCat("not of the family of --server ", out.server.address.ToString(),
                                 ": give clients of that family"));
  }
  if (const std::string both = out.clients.Overlap(out.peers); !both.empty()) {
    return BadValue("peer-address", in.Text("peer-address"),
                    absl::StrCat("clients have ", both, " too: give other addresses or ports"));
  }
  return absl::OkStatus();
}

absl::Status ReadCredentials(const OptionReader& in, Options& out) {
  if (!in.Has("user")) return in.Need(false, "--user", {"realm"});
  auto user = config::ParseUser("--user", in.Text("user"));
  if (!user.ok()) return user.status();
  out.user = std::move(user->name);
  out.password = std::move(user->password);
  out.realm = std::string(in.Text("realm"));
  return absl::OkStatus();
}

absl::Status ReadAllocations(const OptionReader& in, Options& out) {
  out.channels = !in.Has("no-channels");
  out.keep_allocations = in.Has("keep-allocations");
  out.allocations = in.Has("flood") && !in.Has("load") && !in.Has("keepalive") ? 0 : 1;
  return FirstError({in.Number("allocations", 0, kMaxAllocations, out.allocations),
                     in.Number("setup-rate", 0, 10'000'000, out.setup_rate),
                     in.Number("outstanding", 1, 1'000'000, out.outstanding)});
}

absl::Status ReadLoad(const OptionReader& in, Options& out) {
  size_t kind = 0;
  if (absl::Status status = in.Choice("load", kLoadNames, kind); !status.ok()) return status;
  out.load = static_cast<Load>(kind);
  out.active = out.allocations;
  out.search = in.Has("search");
  absl::Status status = FirstError(
      {in.Need(kind != 0, "--load", {"rate", "search", "active", "size", "profile", "pcap-out"}),
       in.Need(out.search, "--search",
               {"loss-bound", "min-rate", "max-rate", "trial", "resolution"}),
       in.Exclude("search", "rate"), in.Exclude("search", "duration"),
       in.Exclude("search", "flood"), in.Exclude("search", "keepalive"),
       in.Exclude("size", "profile")});
  if (!status.ok() || kind == 0) return status;
  if (!out.search && !in.Has("rate")) {
    return Error(
        absl::StrCat("--load ", in.Text("load"), ": how fast? give --rate PPS or --search"));
  }
  if (!out.channels && (out.load == Load::kChannelData || out.load == Load::kBoth)) {
    return BadValue("load", in.Text("load"),
                    "needs channels: leave --no-channels out, or take send or peer");
  }
  if (out.allocations == 0) {
    return Error(
        absl::StrCat("--load ", in.Text("load"), " with --allocations 0: load needs 1 or more"));
  }
  return FirstError({in.Number("active", 1, out.allocations, out.active),
                     in.Real("rate", 0, kMaxRate, out.rate_pps)});
}

absl::Status ReadSearch(const OptionReader& in, Options& out) {
  absl::Status status = FirstError({in.Real("loss-bound", 0, 50, out.loss_bound, 0.01),
                                    in.Real("min-rate", 1, kMaxRate, out.min_rate_pps),
                                    in.Real("max-rate", 1, kMaxRate, out.max_rate_pps),
                                    in.Real("trial", 0.1, 3600, out.trial_seconds),
                                    in.Real("resolution", 0.1, 50, out.resolution, 0.01)});
  if (!status.ok()) return status;
  if (out.min_rate_pps >= out.max_rate_pps) {
    return Error(absl::StrCat("--min-rate ", out.min_rate_pps, " is not below --max-rate ",
                              out.max_rate_pps, ": lower the one or raise the other"));
  }
  return absl::OkStatus();
}

absl::Status ReadFlood(const OptionReader& in, Options& out) {
  size_t kind = 0;
  if (absl::Status status = in.Choice("flood", kFloodNames, kind); !status.ok()) return status;
  out.flood = static_cast<Flood>(kind);
  out.flood_clients = kind == 0 ? 0 : 1000;
  absl::Status status = FirstError(
      {in.Need(kind != 0, "--flood", {"flood-rate", "flood-outstanding", "flood-clients"}),
       in.Real("flood-rate", 0, kMaxRate, out.flood_rate_pps),
       in.Number("flood-outstanding", 1, 1'000'000, out.flood_outstanding),
       in.Number("flood-clients", 1, kMaxAllocations, out.flood_clients)});
  if (!status.ok()) return status;
  if (out.flood == Flood::kGarbage && out.flood_rate_pps == 0) {
    return BadValue("flood", "garbage", "nobody answers garbage: give --flood-rate PPS");
  }
  if (out.flood == Flood::kAllocateAuth && out.user.empty()) {
    return BadValue("flood", "allocate-auth", "needs credentials: give --user NAME:PASSWORD");
  }
  return absl::OkStatus();
}

absl::Status ReadTimes(const OptionReader& in, Options& out) {
  const bool timed = out.load != Load::kNone || in.Has("flood") || in.Has("keepalive");
  absl::Status status = FirstError({in.Need(timed, "--load, --flood or --keepalive", {"duration"}),
                                    in.Real("duration", 0.1, kMaxSeconds, out.duration_seconds),
                                    in.Real("keepalive", 0.1, kMaxSeconds, out.keepalive_seconds)});
  if (!status.ok()) return status;
  if (in.Has("keepalive") && out.allocations == 0) {
    return Error(absl::StrCat("--keepalive ", in.Text("keepalive"),
                              " with --allocations 0: there is nothing to keep; give 1 or more"));
  }
  if (!timed && out.allocations == 0) {
    return Error("--allocations 0 without --flood: nothing to do; give 1 or more, or --flood KIND");
  }
  return absl::OkStatus();
}

absl::Status ReadOutput(const OptionReader& in, Options& out) {
  out.json_file = std::string(in.Text("json"));
  out.pcap_file = std::string(in.Text("pcap-out"));
  out.quiet = in.Has("quiet");
  for (const char* name : {"json", "pcap-out"}) {
    if (in.Has(name) && in.Text(name).empty()) {
      return Error(absl::StrCat("--", name, " '': an empty name: give the name of a file"));
    }
  }
  return FirstError({in.Need(in.Has("pcap-out"), "--pcap-out", {"pcap-packets"}),
                     in.Number("pcap-packets", 1, 1'000'000'000, out.pcap_packets)});
}

absl::Status CheckPlanSizes(const OptionReader& in, const Options& out) {
  const uint64_t clients = uint64_t{out.allocations} + out.flood_clients;
  if (out.clients.size() < clients) {
    const std::string flood =
        out.flood_clients == 0 ? "" : absl::StrCat(" + --flood-clients ", out.flood_clients);
    return BadValue("client-address", in.Text("client-address"),
                    absl::StrCat("with --client-ports makes ", out.clients.size(),
                                 " endpoints, and --allocations ", out.allocations, flood, " take ",
                                 clients, ": add addresses or ports"));
  }
  if (out.allocations > 0 && out.peers.size() == 0) {
    return Error("--peer-address is missing: give the addresses that the peers take");
  }
  if (out.peers.size() < out.allocations) {
    return BadValue(
        "peer-address", in.Text("peer-address"),
        absl::StrCat("with --peer-ports makes ", out.peers.size(), " endpoints, and --allocations ",
                     out.allocations, " take one each: add addresses or ports"));
  }
  return absl::OkStatus();
}

absl::Status ReadPayload(const OptionReader& in, Options& out) {
  const uint16_t overhead = LegOverhead(out);
  const auto largest = static_cast<uint32_t>(kMtu - overhead);
  if (in.Has("profile")) {
    auto profile = Profile::Named(in.Text("profile"), overhead);
    if (!profile.ok()) return BadValue("profile", in.Text("profile"), profile.status().message());
    out.profile = *std::move(profile);
    return absl::OkStatus();
  }
  uint16_t size = out.profile.largest();
  absl::Status status = in.Number("size", kMinPayload, 65535, size);
  if (status.ok() && size > largest) {
    status = BadValue("size", in.Text("size"),
                      absl::StrCat("the headers of this load leave ", largest, " of the ", kMtu,
                                   " bytes of an IP packet: give that or less"));
  }
  out.profile = Profile::Fixed(size);
  return status;
}

}  // namespace

const char* LoadName(Load load) { return kLoadNames[static_cast<size_t>(load)]; }
const char* FloodName(Flood flood) { return kFloodNames[static_cast<size_t>(flood)]; }

uint16_t LegOverhead(const Options& options) {
  constexpr uint16_t kUdp = 8;
  constexpr uint16_t kChannelData = 4;
  constexpr uint16_t kPadding = 3;
  // What coturn adds to a Data indication: SOFTWARE and FINGERPRINT.
  constexpr uint16_t kServerAttributes = 48;
  const auto ip = [](Family family) -> uint16_t { return family == Family::kIpv4 ? 20 : 40; };
  const Family peer = options.peers.family();
  const auto indication =
      static_cast<uint16_t>(20 + (peer == Family::kIpv4 ? 12 : 24) + 4 + kPadding);
  uint16_t turn = options.channels ? kChannelData : indication;
  if (options.load == Load::kSend) turn = indication;
  if (options.load == Load::kPeer && !options.channels) turn = indication + kServerAttributes;
  const auto client_leg = static_cast<uint16_t>(ip(options.clients.family()) + kUdp + turn);
  const auto peer_leg = static_cast<uint16_t>(ip(peer) + kUdp);
  return client_leg > peer_leg ? client_leg : peer_leg;
}

absl::StatusOr<CommandLine> ParseOptions(int argc, const char* const* argv) {
  auto texts = ReadCommandLine(argc, argv);
  if (!texts.ok()) return texts.status();
  CommandLine out;
  out.print = std::move(texts->print);
  if (!out.print.empty()) return out;
  const OptionReader in(texts->values);
  Options& options = out.options;
  for (auto step : {ReadWire, ReadServer, ReadReflect, ReadPlans, ReadCredentials, ReadAllocations,
                    ReadLoad, ReadSearch, ReadFlood, ReadTimes, ReadOutput}) {
    if (absl::Status status = step(in, options); !status.ok()) return status;
  }
  if (absl::Status status = CheckPlanSizes(in, options); !status.ok()) return status;
  if (absl::Status status = ReadPayload(in, options); !status.ok()) return status;
  options.command = MaskedCommand(argc, argv);
  return out;
}

}  // namespace causeway::gen
