#include "perf/gen/command_line.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace causeway::gen {
namespace {

struct Option {
  const char* group;
  const char* name;
  const char* value;  // nullptr: a flag
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
    {kWire, "realtime", nullptr, "run before all other processes of that CPU (SCHED_FIFO)"},
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
    {kSetup, "no-channels", nullptr, "permissions only, no channels"},
    {kSetup, "setup-rate", "N", "allocations a second (0: as fast as answers come)"},
    {kSetup, "outstanding", "N", "allocations in progress at a time (256)"},
    {kSetup, "keep-allocations", nullptr, "leave them on the server at the end"},
    {kLoad, "load", "KIND",
     "channeldata or send: from clients to peers; peer: from peers to clients; both: ChannelData "
     "and back"},
    {kLoad, "rate", "PPS",
     "packets a second, all directions together (0: all that the link takes)"},
    {kLoad, "active", "N", "load on so many of the allocations (all)"},
    {kLoad, "size", "BYTES", "of payload, 32 or more (172)"},
    {kLoad, "profile", "NAME", "instead of --size: imix, voice or video"},
    {kLoad, "duration", "SECONDS", "of load, flood and keepalive (10)"},
    {kSearch, "search", nullptr, "instead of --rate"},
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
    {kOutput, "quiet", nullptr, "no line of progress each second"},
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

std::unique_ptr<CLI::App> MakeApp() {
  auto app = std::make_unique<CLI::App>(kAbout, "causeway-gen");
  app->set_version_flag("--version", "causeway-gen " CAUSEWAY_VERSION);
  app->set_help_flag("-h,--help", "print this text and exit");
  app->allow_extras();
  app->footer(kFooter);
  app->get_formatter()->column_width(34);
  for (const Option& option : kOptions) {
    const std::string flag = absl::StrCat("--", option.name);
    CLI::Option* added = nullptr;
    if (option.value == nullptr) {
      added = app->add_flag(flag, option.help);
    } else {
      added = app->add_option(flag)
                  ->description(option.help)
                  ->type_name(option.value)
                  ->expected(1)
                  ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
                  ->allow_extra_args(false);
    }
    added->group(option.group);
  }
  return app;
}

absl::Status Usage(absl::string_view message) { return absl::InvalidArgumentError(message); }

bool IsOption(absl::string_view text) {
  return absl::StartsWith(text, "--") &&
         std::any_of(std::begin(kOptions), std::end(kOptions),
                     [&](const Option& option) { return text.substr(2) == option.name; });
}

absl::Status UnknownArgument(absl::string_view argument) {
  if (!absl::StartsWith(argument, "-") || argument == "-") {
    return Usage("a value stands without its option: write --option value (see --help)");
  }
  return Usage(absl::StrCat("unknown option ", argument.substr(0, argument.find('=')),
                            ": --help lists those that there are"));
}

absl::Status TranslateError(const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string text = error.what();
    return Usage(
        absl::StrCat(text.substr(0, text.find(':')), ": needs a value (--help says which)"));
  }
  return Usage(absl::StrCat("cannot read the command line: ", error.get_name()));
}

absl::StatusOr<std::string> Value(const Option& option, const CLI::Option& given) {
  const std::string flag = absl::StrCat("--", option.name);
  if (option.value == nullptr) {
    if (given.results().front() == "true") return std::string();
    return Usage(absl::StrCat(flag, ": takes no value: leave it out"));
  }
  if (given.results().size() > 1) {
    return Usage(absl::StrCat(flag, ": given ", given.results().size(),
                              " times; give it once (addresses are joined by commas)"));
  }
  const std::string& value = given.results().front();
  if (IsOption(value)) {
    return Usage(absl::StrCat(flag, ": needs a value, and ", value, " follows: add it"));
  }
  return value;
}

void ScrubAfterColon(char* user) {
  if (char* colon = std::strchr(user, ':')) std::memset(colon + 1, 'x', std::strlen(colon + 1));
}

}  // namespace

absl::StatusOr<CommandLineTexts> ReadCommandLine(int argc, const char* const* argv) {
  CommandLineTexts out;
  auto app = MakeApp();
  try {
    app->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    out.print = app->help();
    return out;
  } catch (const CLI::CallForVersion& version) {
    out.print = absl::StrCat(version.what(), "\n");
    return out;
  } catch (const CLI::ParseError& error) {
    return TranslateError(error);
  }
  for (const std::string& extra : app->remaining()) {
    if (absl::StartsWith(extra, "-")) return UnknownArgument(extra);
  }
  for (const Option& option : kOptions) {
    const CLI::Option* given = app->get_option(absl::StrCat("--", option.name));
    if (given->empty()) continue;
    auto value = Value(option, *given);
    if (!value.ok()) return value.status();
    out.values[option.name] = *std::move(value);
  }
  if (app->remaining_size() != 0) return UnknownArgument(app->remaining().front());
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
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    if (argument == "--user" && i + 1 < argc) ScrubAfterColon(argv[i + 1]);
    if (absl::StartsWith(argument, "--user=")) ScrubAfterColon(argv[i]);
  }
}

}  // namespace causeway::gen
