#include "dataplane/link/cpu_layout.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <tuple>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace causeway {
namespace {

// Cores of one kind differ too, by some hundred MHz of turbo.
constexpr double kSlowerKind = 0.85;

template <typename Number>
Number ReadNumber(const std::string& path, Number otherwise) {
  Number value = otherwise;
  std::ifstream file(path);
  return file >> value ? value : otherwise;
}

// The link "node1" in a CPU's directory.
int SocketOf(const std::string& directory) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    const std::string name = entry.path().filename();
    int socket = 0;
    if (absl::StartsWith(name, "node") && absl::SimpleAtoi(name.substr(4), &socket)) return socket;
  }
  return 0;
}

int PreferredSocket(absl::Span<const Cpu> cpus, int port_socket) {
  const bool there = std::any_of(cpus.begin(), cpus.end(),
                                 [&](const Cpu& cpu) { return cpu.socket == port_socket; });
  return there ? port_socket : cpus.front().socket;
}

class Layout {
 public:
  Layout(absl::Span<const Cpu> cpus, int port_socket)
      : cpus_(cpus), socket_(PreferredSocket(cpus, port_socket)) {
    for (const Cpu& cpu : cpus) fastest_ = std::max(fastest_, cpu.speed);
  }

  Cpu Control() const {
    return *std::min_element(cpus_.begin(), cpus_.end(), [this](const Cpu& a, const Cpu& b) {
      return std::tuple(Away(a), !Slow(a), a.id) < std::tuple(Away(b), !Slow(b), b.id);
    });
  }

  // All CPUs but control's as workers shall get them, then control's.
  std::vector<Cpu> Order(const Cpu& control) const {
    std::vector<std::tuple<unsigned, bool, bool, bool, unsigned>> keys;
    std::multiset<unsigned> cores;  // of the CPUs so far
    for (const Cpu& cpu : cpus_) {
      if (cpu.id == control.id) continue;
      const auto siblings = static_cast<unsigned>(cores.count(cpu.core));
      cores.insert(cpu.core);
      keys.emplace_back(siblings, Away(cpu), cpu.core == control.core, Slow(cpu), cpu.id);
    }
    std::sort(keys.begin(), keys.end());
    std::vector<Cpu> order;
    for (const auto& key : keys) order.push_back(ById(std::get<4>(key)));
    order.push_back(control);
    return order;
  }

 private:
  bool Away(const Cpu& cpu) const { return cpu.socket != socket_; }
  bool Slow(const Cpu& cpu) const { return cpu.speed != 0 && cpu.speed < kSlowerKind * fastest_; }
  const Cpu& ById(unsigned id) const {
    return *std::find_if(cpus_.begin(), cpus_.end(), [id](const Cpu& cpu) { return cpu.id == id; });
  }

  absl::Span<const Cpu> cpus_;
  int socket_;
  unsigned fastest_ = 0;
};

// "; workers that share a CPU: 3,4" for those of which `is` holds.
std::string Remark(absl::string_view what, absl::Span<const Cpu> workers, const auto& is) {
  std::vector<size_t> which;
  for (size_t i = 0; i < workers.size(); ++i) {
    if (is(workers[i])) which.push_back(i);
  }
  return which.empty() ? "" : absl::StrCat("; ", what, ": ", absl::StrJoin(which, ","));
}

}  // namespace

std::vector<Cpu> ReadCpus(absl::Span<const unsigned> ids, const std::string& root) {
  std::vector<Cpu> cpus;
  for (const unsigned id : ids) {
    const std::string directory = absl::StrCat(root, "/devices/system/cpu/cpu", id);
    const unsigned frequency = ReadNumber(directory + "/cpufreq/cpuinfo_max_freq", 0u);
    Cpu cpu;
    cpu.id = id;
    // "0,4" or "0-1"
    cpu.core = ReadNumber(directory + "/topology/thread_siblings_list", id);
    cpu.socket = SocketOf(directory);
    cpu.speed = ReadNumber(directory + "/cpu_capacity", frequency);
    cpus.push_back(cpu);
  }
  return cpus;
}

int PortSocket(const std::string& interface, const std::string& pci_device,
               const std::string& root) {
  const std::string full = absl::StrCat(pci_device.size() == 7 ? "0000:" : "",
                                        pci_device.substr(0, pci_device.find(',')));
  const std::string device = interface.empty()
                                 ? absl::StrCat(root, "/bus/pci/devices/", full)
                                 : absl::StrCat(root, "/class/net/", interface, "/device");
  return ReadNumber(device + "/numa_node", -1);
}

CpuLayout LayOutCpus(absl::Span<const Cpu> cpus, unsigned workers, int port_socket) {
  const Layout layout(cpus, port_socket);
  CpuLayout result;
  result.control = layout.Control();
  const std::vector<Cpu> order = layout.Order(result.control);
  for (unsigned i = 0; i < workers; ++i) result.workers.push_back(order[i % order.size()]);
  return result;
}

std::string DescribeLayout(const CpuLayout& layout, unsigned workers, int port_socket) {
  const auto used = absl::MakeConstSpan(layout.workers).first(workers);
  const Cpu& control = layout.control;
  std::multiset<unsigned> ids = {control.id};
  std::multiset<unsigned> cores;
  for (const Cpu& cpu : used) {
    ids.insert(cpu.id);
    cores.insert(cpu.core);
  }
  const auto shares_cpu = [&](const Cpu& cpu) { return ids.count(cpu.id) > 1; };
  const auto shares_core = [&](const Cpu& cpu) {
    return !shares_cpu(cpu) && cores.count(cpu.core) > 1;
  };
  const auto by_control = [&](const Cpu& cpu) {
    return cpu.core == control.core && cpu.id != control.id;
  };
  const auto away = [&](const Cpu& cpu) { return port_socket >= 0 && cpu.socket != port_socket; };
  const std::string list = absl::StrJoin(
      used, ",", [](std::string* out, const Cpu& cpu) { absl::StrAppend(out, cpu.id); });
  std::string line = absl::StrCat("CPUs: control on ", control.id, ", workers on ", list);
  if (port_socket >= 0) absl::StrAppend(&line, "; the link is at socket ", port_socket);
  absl::StrAppend(&line, Remark("workers that share a CPU", used, shares_cpu),
                  Remark("workers that share a physical core", used, shares_core),
                  Remark("workers beside control on its physical core", used, by_control),
                  Remark("workers on another socket than the link", used, away));
  return line;
}

}  // namespace causeway
