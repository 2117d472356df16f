#include "dataplane/link/xdp_filter.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "causeway_xdp_object.h"
#include "dataplane/link/causeway_xdp.h"

namespace causeway {
namespace {

constexpr int kMappedBits = 96;  // an IPv4 prefix within the 128-bit form
constexpr int kMaxMaps = 16;

bpf_prog_info ProgramInfo(int fd) {
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) info = {};
  return info;
}

bpf_map_info MapInfo(int fd) {
  bpf_map_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) info = {};
  return info;
}

// This process's descriptors of one kind of BPF object.
std::vector<int> OwnDescriptors(absl::string_view kind) {
  std::vector<int> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const auto target = std::filesystem::read_symlink(entry.path(), error);
    int fd = -1;
    if (!error && target.native() == kind && absl::SimpleAtoi(entry.path().filename().c_str(), &fd))
      found.push_back(fd);
  }
  return found;
}

// A program by its id. Those of other processes take CAP_SYS_ADMIN, our own do not.
UniqueFd OpenProgram(uint32_t id) {
  for (const int fd : OwnDescriptors("anon_inode:bpf-prog")) {
    if (ProgramInfo(fd).id == id) return UniqueFd(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  }
  return UniqueFd(bpf_prog_get_fd_by_id(id));
}

std::set<uint32_t> MapIdsOf(uint32_t program) {
  const UniqueFd fd = OpenProgram(program);
  uint32_t ids[kMaxMaps] = {};
  bpf_prog_info info = {};
  info.nr_map_ids = kMaxMaps;
  info.map_ids = reinterpret_cast<uintptr_t>(ids);
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return {};
  return {ids, ids + std::min<uint32_t>(info.nr_map_ids, kMaxMaps)};
}

struct FilterMaps {
  int v4 = -1;
  int v6 = -1;
  int ports = -1;
};

absl::StatusOr<FilterMaps> FindMaps(uint32_t program) {
  const std::set<uint32_t> ids = MapIdsOf(program);
  FilterMaps maps;
  for (const int fd : OwnDescriptors("anon_inode:bpf-map")) {
    const bpf_map_info info = MapInfo(fd);
    if (!ids.contains(info.id)) continue;
    const absl::string_view name = info.name;
    if (name == CAUSEWAY_V4_MAP) maps.v4 = fd;
    if (name == CAUSEWAY_V6_MAP) maps.v6 = fd;
    if (name == CAUSEWAY_PORTS_MAP) maps.ports = fd;
  }
  if (maps.v4 < 0 || maps.v6 < 0 || maps.ports < 0) {
    return absl::InternalError(absl::StrCat("XDP program ", program,
                                            " is not one that this process has loaded: did "
                                            "something else change the interface's program?"));
  }
  return maps;
}

int AddEntry(const FilterMaps& maps, const FilterEntry& entry) {
  const Prefix& prefix = entry.prefix;
  if (prefix.address.IsV4()) {
    causeway_v4_key key = {.length = prefix.length - 0u - kMappedBits, .address = {}};
    std::memcpy(key.address, prefix.address.v4_bytes(), sizeof(key.address));
    return bpf_map_update_elem(maps.v4, &key, &entry.flags, BPF_ANY);
  }
  causeway_v6_key key = {.length = prefix.length, .address = {}};
  std::memcpy(key.address, prefix.address.bytes(), sizeof(key.address));
  return bpf_map_update_elem(maps.v6, &key, &entry.flags, BPF_ANY);
}

IpAddress Truncate(const IpAddress& address, int length) {
  uint8_t bytes[16];
  for (int i = 0; i < 16; ++i) {
    const int kept = std::clamp(length - 8 * i, 0, 8);
    bytes[i] = static_cast<uint8_t>(address.bytes()[i] & ~(0xff >> kept));
  }
  return IpAddress::FromV6Bytes(bytes);
}

}  // namespace

bool AttachedProgram::IsOurs() const { return name == CAUSEWAY_PROGRAM; }

absl::StatusOr<std::optional<AttachedProgram>> FindAttachedProgram(int ifindex) {
  bpf_xdp_query_opts query = {};
  query.sz = sizeof(query);
  if (const int error = bpf_xdp_query(ifindex, 0, &query); error != 0) {
    return absl::ErrnoToStatus(-error, "cannot ask the kernel for the interface's XDP program");
  }
  uint32_t id = query.prog_id;
  for (const uint32_t other : {query.drv_prog_id, query.skb_prog_id, query.hw_prog_id}) {
    if (id == 0) id = other;
  }
  if (id == 0) return std::nullopt;
  AttachedProgram program{id, ""};
  const UniqueFd fd = OpenProgram(id);
  if (fd.ok()) program.name = ProgramInfo(fd.get()).name;
  return program;
}

absl::Status DetachProgram(int ifindex, uint32_t id) {
  absl::StatusOr<std::optional<AttachedProgram>> attached = FindAttachedProgram(ifindex);
  if (!attached.ok()) return attached.status();
  if (!attached->has_value() || (*attached)->id != id) return absl::OkStatus();
  bpf_xdp_attach_opts options = {};
  options.sz = sizeof(options);
  const UniqueFd program = OpenProgram(id);
  options.old_prog_fd = program.get();
  const int error = bpf_xdp_detach(ifindex, XDP_FLAGS_REPLACE, &options);
  if (error == 0 || error == -EEXIST) return absl::OkStatus();
  return absl::ErrnoToStatus(-error, "cannot take our XDP program off the interface");
}

absl::Span<const unsigned char> XdpObject() { return kCausewayXdpObject; }

absl::StatusOr<UniqueFd> XdpObjectFile() {
  UniqueFd fd(memfd_create("causeway_xdp", MFD_CLOEXEC));
  const absl::Span<const unsigned char> object = XdpObject();
  if (!fd.ok() ||
      write(fd.get(), object.data(), object.size()) != static_cast<ssize_t>(object.size())) {
    return absl::ErrnoToStatus(errno, "cannot hold the XDP program in a memory file");
  }
  return fd;
}

std::vector<FilterEntry> FilterEntries(const NodeConfig& node,
                                       absl::Span<const Prefix> relay_prefixes) {
  std::map<std::pair<int, IpAddress>, uint32_t> flags;  // by length, shortest first
  for (const IpAddress& address : node.listen_addresses) flags[{128, address}] |= CAUSEWAY_LISTEN;
  for (const Prefix& prefix : relay_prefixes) {
    flags[{prefix.length, prefix.address}] |= CAUSEWAY_RELAY;
  }
  if (relay_prefixes.empty()) {
    for (const IpAddress& address : node.relay_addresses) flags[{128, address}] |= CAUSEWAY_RELAY;
  }
  std::set<int> lengths;
  for (const auto& [key, bits] : flags) lengths.insert(key.first);
  std::vector<FilterEntry> entries;
  for (auto& [key, bits] : flags) {
    const auto& [length, address] = key;
    for (const int shorter : lengths) {
      if (shorter >= length) break;
      const auto around = flags.find({shorter, Truncate(address, shorter)});
      if (around != flags.end()) bits |= around->second;
    }
    entries.push_back({{address, static_cast<uint8_t>(length)}, bits});
  }
  return entries;
}

absl::Status FillFilter(uint32_t id, const NodeConfig& node,
                        absl::Span<const Prefix> relay_prefixes) {
  absl::StatusOr<FilterMaps> maps = FindMaps(id);
  if (!maps.ok()) return maps.status();
  for (const FilterEntry& entry : FilterEntries(node, relay_prefixes)) {
    if (const int error = AddEntry(*maps, entry); error != 0) {
      return absl::ErrnoToStatus(
          -error, absl::StrCat("cannot add ", entry.prefix.ToString(), " to the XDP program"));
    }
  }
  const uint32_t zero = 0;
  const causeway_ports ports = {node.listen_port, node.relay_port_first, node.relay_port_last, 0};
  if (const int error = bpf_map_update_elem(maps->ports, &zero, &ports, BPF_ANY); error != 0) {
    return absl::ErrnoToStatus(-error, "cannot give the XDP program its ports");
  }
  return absl::OkStatus();
}

}  // namespace causeway
