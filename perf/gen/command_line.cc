#include "perf/gen/command_line.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/config/flags.h"

namespace causeway::gen {
namespace {

struct Option {
  const char* heading;
  const char* name;
  const char* value;  // "": it takes none
  const char* help;
};

constexpr char kWire[] = "The wire";
constexpr char kServer[] = "Server, clients, peers";
constexpr char kSetup[] = "Allocations";
constexpr char kLoad[] = "Load";
constexpr char kSearch[] = "Search for the highest rate (RFC 2544)";
constexpr char kFlood[] = "Keepalive and floods";
constexpr char kOutput[] = "Output";

constexpr Option kOptions[] = {
    {kWire, "interface", "IFACE", "by AF_XDP on this interface"},
    {kWire, "device", "DEVICE", "or on this DPDK device: a PCI address or a device string"},
    {kWire, "cpu", "N", "CPU of the polling thread (the last usable one)"},
    {kWire, "realtime", "", "run before all other processes of that CPU (SCHED_FIFO)"},
    {kWire, "poll-sleep-us", "N", "sleep so long when there is nothing to do (0)"},
    {kServer, "server", "ADDR[:PORT]", "the TURN server (port 3478); [ADDR]:PORT with IPv6"},
    {kServer, "gateway", "ADDR", "next hop of all packets (the server itself)"},
    {kServer, "reflect", "MAC",
     "no TURN: the load goes there, and comes back as testpmd returns it"},
    {kServer, "client-address", "A[/LEN][,...]", "addresses that the clients take"},
    {kServer, "client-ports", "FIRST-LAST", "ports of each (10000-59999)"},
    {kServer, "peer-address", "A[/LEN][,...]", "addresses that the peers take"},
    {kServer, "peer-ports", "FIRST-LAST", "ports of each (10000-59999)"},
    {kServer, "user", "NAME:PASSWORD", "long-term credentials"},
    {kServer, "realm", "REALM", "the user's realm (the one that the server names)"},
    {kSetup, "allocations", "A", "allocations to make (1; with nothing but a flood 0)"},
    {kSetup, "no-channels", "", "permissions only, no channels"},
    {kSetup, "setup-rate", "N", "allocations a second (0: as fast as answers come)"},
    {kSetup, "outstanding", "N", "allocations in progress at a time (256)"},
    {kSetup, "keep-allocations", "", "leave them on the server at the end"},
    {kLoad, "load", "KIND",
     "channeldata or send: from clients to peers; peer: from peers to clients; both: ChannelData "
     "and back"},
    {kLoad, "rate", "PPS",
     "packets a second, all directions together (0: all that the link takes)"},
    {kLoad, "active", "N", "load on so many of the allocations (all)"},
    {kLoad, "size", "BYTES", "of payload, 32 or more (172)"},
    {kLoad, "profile", "NAME", "instead of --size: imix, voice or video"},
    {kLoad, "duration", "SECONDS", "of load, flood and keepalive (10)"},
    {kSearch, "search", "", "instead of --rate"},
    {kSearch, "loss-bound", "PERCENT", "a trial with more loss fails (0.1)"},
    {kSearch, "min-rate", "PPS", "where to begin (1000)"},
    {kSearch, "max-rate", "PPS", "where to end (20000000)"},
    {kSearch, "trial", "SECONDS", "length of a trial (2)"},
    {kSearch, "resolution", "PERCENT", "of the rate found (2)"},
    {kFlood, "keepalive", "SECONDS",
     "every client sends a Binding request that often, and refreshes its allocation"},
    {kFlood, "flood", "KIND",
     "allocate (no credentials), allocate-auth (allocate, then delete), binding or garbage"},
    {kFlood, "flood-rate", "PPS", "requests a second (0: when answers come)"},
    {kFlood, "flood-outstanding", "N", "requests waiting for answers at that (64)"},
    {kFlood, "flood-clients", "N", "clients of the flood, after those of --allocations (1000)"},
    {kOutput, "json", "FILE", "write the results there (-: standard output)"},
    {kOutput, "quiet", "", "no line of progress each second"},
    {kOutput, "pcap-out", "FILE", "write the frames of the load there"},
    {kOutput, "pcap-packets", "N", "at most so many (100000)"},
};

constexpr char kAbout[] =
    "causeway-gen: plays the clients and the peers of a TURN server, and measures it.\n\n"
    "Rehearse on a veth pair whose other end a server has as 203.0.113.5:\n"
    "  causeway-gen --interface veth1 --server 203.0.113.5 --user alice:secret \\\n"
    "    --client-address 203.0.113.64/27 --peer-address 203.0.113.96/27 \\\n"
    "    --allocations 1000 --load both --rate 50000\n"
    "The highest rate at which at most 0.1 % is lost:   ... --load both --search\n"
    "A storm of authenticated allocations:              ... --flood allocate-auth\n"
    "The same beside a load, results as JSON:           ... --load peer --rate 1000 \\\n"
    "    --flood allocate-auth --flood-rate 20000 --json -\n"
    "A million idle allocations, kept alive:            ... --allocations 1000000 --keepalive "
    "15\n\n"
    "The addresses of clients and peers are the generator's own: it answers ARP and neighbour\n"
    "solicitations for them. docs/stress-testing.md explains the rest.";

constexpr char kFooter[] =
    "\nExit status: 0 done; 1 the run failed; 2 a wrong option; 130 stopped by a signal.";

constexpr config::Program kProgram = {"causeway-gen", kAbout, kFooter};

}  // namespace

absl::StatusOr<CommandLineTexts> ReadCommandLine(int argc, const char* const* argv) {
  std::vector<config::Flag> flags;
  for (const Option& option : kOptions) {
    flags.push_back({option.name, option.value, option.help, false, option.heading});
  }
  auto texts = config::ReadFlags(kProgram, flags, argc, argv);
  if (!texts.ok()) return texts.status();
  CommandLineTexts out;
  out.print = std::move(texts->print);
  for (auto& [name, values] : texts->values) out.values[name] = std::move(values.front());
  return out;
}

std::vector<std::string> MaskedCommand(int argc, const char* const* argv) {
  std::vector<std::string> out;
  bool user_follows = false;
  for (int i = 0; i < argc; ++i) {
    std::string text = argv[i];
    if (user_follows || absl::StartsWith(text, "--user=")) {
      const size_t colon = text.find(':');
      text = absl::StrCat(text.substr(0, colon), colon == std::string::npos ? "" : ":***");
    }
    user_follows = !user_follows && text == "--user";
    out.push_back(std::move(text));
  }
  return out;
}

void ScrubPassword(int argc, char** argv) {
  config::ScrubFlag("user", config::Secret::kAfterColon, argc, argv);
}

}  // namespace causeway::gen
