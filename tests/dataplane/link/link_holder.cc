// Holds a link for link_test, in a process of its own: DPDK starts once per process, and a test
// wants to kill it. Says "ready ..." or "error ..." and then one line per frame that it receives;
// reads "tx HEX", "mirror HEX" and "quit".
#include <poll.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/link/eal.h"
#include "dataplane/link/link.h"
#include "dataplane/link/packet_pool.h"

namespace causeway {
namespace {

constexpr int kPollMilliseconds = 2;

std::string Hex(absl::Span<const uint8_t> bytes) {
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void Say(const std::string& line) {
  std::cout << line << std::endl;  // NOLINT: the test waits for each line
}

int Fail(const absl::Status& status) {
  Say(absl::StrCat("error ", absl::StatusCodeToString(status.code()), " ", status.message()));
  return 1;
}

// key=value arguments; lists are separated by slashes, because addresses have colons and devices
// commas.
absl::StatusOr<LinkConfig> ReadArguments(int argc, char** argv) {
  LinkConfig config;
  config.node.relay_port_first = 50000;
  config.node.relay_port_last = 50999;
  for (int i = 1; i < argc; ++i) {
    const std::pair<std::string, std::string> part =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    const auto& [key, value] = part;
    if (key == "interface") config.interface = value;
    if (key == "device") config.device = value;
    if (key == "workers") config.node.shards = static_cast<ShardId>(std::atoi(value.c_str()));
    if (key == "ports") {
      const std::pair<std::string, std::string> ports = absl::StrSplit(value, '-');
      config.node.relay_port_first = static_cast<uint16_t>(std::atoi(ports.first.c_str()));
      config.node.relay_port_last = static_cast<uint16_t>(std::atoi(ports.second.c_str()));
    }
    if (key == "listen") {
      for (const absl::string_view text : absl::StrSplit(value, '|')) {
        config.node.listen_addresses.push_back(*IpAddress::Parse(text));
      }
    }
    if (key == "relay") {
      for (const absl::string_view text : absl::StrSplit(value, '|')) {
        config.relay_prefixes.push_back(*Prefix::Parse(text));
        config.node.relay_addresses.push_back(config.relay_prefixes.back().address);
      }
    }
    if (key == "mirror") {
      const std::pair<std::string, std::string> address = absl::StrSplit(value, '/');
      config.mirror_addresses.push_back(
          {*IpAddress::Parse(address.first),
           static_cast<uint8_t>(96 + std::atoi(address.second.c_str()))});
    }
  }
  return config;
}

class Holder {
 public:
  Holder(std::unique_ptr<Link> link, std::vector<rte_mempool*> pools)
      : link_(std::move(link)), pools_(std::move(pools)) {}

  int Run() {
    Say(absl::StrCat("ready interface=", link_->kernel_interface(), " mtu=", link_->mtu(),
                     " mac=", Hex(link_->mac()), " partial=", link_->partial_checksums(),
                     " kernel=", link_->kernel_keeps_interface()));
    if (!link_->steering().empty()) Say("steering " + link_->steering());
    for (const std::string& warning : link_->warnings()) Say("warning " + warning);
    Say("serving");
    for (;;) {
      for (size_t queue = 0; queue < pools_.size(); ++queue) Receive(static_cast<uint16_t>(queue));
      ReceiveMirror();
      pollfd input = {STDIN_FILENO, POLLIN, 0};
      if (poll(&input, 1, kPollMilliseconds) == 0) continue;
      std::string line;
      if (!ReadLine(line) || line == "quit") return 0;
      Send(line);
    }
  }

 private:
  static bool ReadLine(std::string& line) {
    char c = 0;
    while (read(STDIN_FILENO, &c, 1) == 1) {
      if (c == '\n') return true;
      line.push_back(c);
    }
    return false;
  }

  void Receive(uint16_t queue) {
    rte_mbuf* buffers[32];
    const uint16_t count = rte_eth_rx_burst(link_->port_id(), queue, buffers, 32);
    for (uint16_t i = 0; i < count; ++i) {
      const auto* bytes = rte_pktmbuf_mtod(buffers[i], const uint8_t*);
      Say(absl::StrCat("rx ", queue, " ", Hex({bytes, rte_pktmbuf_data_len(buffers[i])})));
      rte_pktmbuf_free(buffers[i]);
    }
  }

  void ReceiveMirror() {
    uint8_t frame[2048];
    if (link_->mirror_fd() < 0) return;
    const size_t size = link_->ReadMirror(absl::MakeSpan(frame));
    if (size > 0) Say("mirror " + Hex({frame, size}));
  }

  void Send(absl::string_view line) {
    const std::string bytes = absl::HexStringToBytes(line.substr(line.find(' ') + 1));
    if (absl::StartsWith(line, "mirror ")) {
      link_->WriteMirror({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
      return;
    }
    rte_mbuf* buffer = rte_pktmbuf_alloc(pools_[0]);
    char* to = rte_pktmbuf_append(buffer, static_cast<uint16_t>(bytes.size()));
    std::copy(bytes.begin(), bytes.end(), to);
    if (rte_eth_tx_burst(link_->port_id(), 0, &buffer, 1) != 1) rte_pktmbuf_free(buffer);
  }

  std::unique_ptr<Link> link_;
  std::vector<rte_mempool*> pools_;
};

int Main(int argc, char** argv) {
  const absl::StatusOr<LinkConfig> config = ReadArguments(argc, argv);
  if (absl::Status status = Link::Check(*config); !status.ok()) return Fail(status);
  const absl::StatusOr<EalInfo> eal = StartEal({.workers = config->node.shards,
                                                .memory_bytes = 64 << 20,
                                                .pci_device = "",
                                                .interface = "",
                                                .use_hugepages = false});
  if (!eal.ok()) return Fail(eal.status());
  if (absl::StatusOr<unsigned> queues = Link::Queues(*config); queues.ok()) {
    Say(absl::StrCat("queues ", *queues));
  }
  const absl::StatusOr<uint16_t> mtu = Link::BufferMtu(*config);
  if (!mtu.ok()) return Fail(mtu.status());
  std::vector<rte_mempool*> pools;
  for (unsigned k = 0; k < config->node.shards; ++k) {
    pools.push_back(CreatePacketPool(absl::StrCat("pool", k), 8191, *mtu));
  }
  absl::StatusOr<std::unique_ptr<Link>> link = Link::Open(*config, pools);
  if (!link.ok()) return Fail(link.status());
  return Holder(*std::move(link), pools).Run();
}

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) { return causeway::Main(argc, argv); }
