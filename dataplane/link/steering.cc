#include "dataplane/link/steering.h"

#include <rte_byteorder.h>
#include <rte_errno.h>
#include <rte_flow.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace causeway {
namespace {

// Adds rules for the ports from `first` to before `end`, which all have one owner: at each step the
// largest power of two that begins there and fits.
//
//   first                     end
//     ├──┬────┬────────┬────┬──┤
//      2   4      8      4    2
void AddRules(uint32_t first, uint32_t end, ShardId owner, std::vector<SteeringRule>& rules) {
  while (first < end) {
    const uint32_t aligned = first == 0 ? 0x10000u : first & -first;
    const uint32_t size = std::min(aligned, std::bit_floor(end - first));
    rules.push_back({static_cast<uint16_t>(first), static_cast<uint16_t>(-size), owner});
    first += size;
  }
}

// Ethernet, IP of a family and UDP with this destination port: to the queue.
struct Flow {
  Flow(const SteeringRule& rule, bool is_v6) {
    port.hdr.dst_port = rte_cpu_to_be_16(rule.port);
    mask.hdr.dst_port = rte_cpu_to_be_16(rule.mask);
    queue.index = rule.queue;
    pattern[0].type = RTE_FLOW_ITEM_TYPE_ETH;
    pattern[1].type = is_v6 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4;
    pattern[2].type = RTE_FLOW_ITEM_TYPE_UDP;
    pattern[2].spec = &port;
    pattern[2].mask = &mask;
    pattern[3].type = RTE_FLOW_ITEM_TYPE_END;
    actions[0].type = RTE_FLOW_ACTION_TYPE_QUEUE;
    actions[0].conf = &queue;
    actions[1].type = RTE_FLOW_ACTION_TYPE_END;
    attributes.ingress = 1;
  }
  Flow(const Flow&) = delete;
  Flow& operator=(const Flow&) = delete;

  rte_flow_item_udp port = {};
  rte_flow_item_udp mask = {};
  rte_flow_action_queue queue = {};
  rte_flow_item pattern[4] = {};
  rte_flow_action actions[2] = {};
  rte_flow_attr attributes = {};
};

// Calls `act(flow, error)`, of which 0 is success, for each rule and family.
template <typename Act>
absl::Status ForEach(const std::vector<SteeringRule>& rules, const NodeConfig& node,
                     const Act& act) {
  for (const bool is_v6 : {false, true}) {
    const auto& relays = node.relay_addresses;
    const bool wanted = std::any_of(relays.begin(), relays.end(), [&](const IpAddress& address) {
      return address.IsV4() != is_v6;
    });
    for (size_t i = 0; wanted && i < rules.size(); ++i) {
      const Flow flow(rules[i], is_v6);
      rte_flow_error error = {};
      if (const int result = act(flow, &error); result != 0) {
        return absl::UnimplementedError(error.message != nullptr ? error.message
                                                                 : rte_strerror(std::abs(result)));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<SteeringRule> SteeringRules(const NodeConfig& node) {
  std::vector<SteeringRule> rules;
  const uint32_t block = 1u << node.RelayBlockShift();
  const uint32_t end = node.relay_port_last + 1u;
  for (uint32_t first = node.relay_port_first; first < end;) {
    const uint32_t next = std::min(end, (first | (block - 1)) + 1);
    const ShardId owner = node.OwnerOfPort(static_cast<uint16_t>(first));
    const uint32_t left_out = std::clamp<uint32_t>(node.listen_port, first, next);
    AddRules(first, left_out, owner, rules);
    AddRules(left_out + (left_out == node.listen_port ? 1 : 0), next, owner, rules);
    first = next;
  }
  return rules;
}

absl::StatusOr<FlowRules> FlowRules::Create(uint16_t port_id, const NodeConfig& node) {
  const std::vector<SteeringRule> rules = SteeringRules(node);
  absl::Status status = ForEach(rules, node, [&](const Flow& flow, rte_flow_error* error) {
    return rte_flow_validate(port_id, &flow.attributes, flow.pattern, flow.actions, error);
  });
  if (!status.ok()) return status;
  FlowRules made;
  made.port_id_ = port_id;
  status = ForEach(rules, node, [&](const Flow& flow, rte_flow_error* error) {
    rte_flow* created =
        rte_flow_create(port_id, &flow.attributes, flow.pattern, flow.actions, error);
    if (created == nullptr) return rte_errno == 0 ? -1 : -rte_errno;
    made.flows_.push_back(created);
    return 0;
  });
  if (!status.ok()) return status;
  return made;
}

FlowRules::FlowRules(FlowRules&& other) noexcept
    : port_id_(other.port_id_), flows_(std::exchange(other.flows_, {})) {}

FlowRules& FlowRules::operator=(FlowRules&& other) noexcept {
  std::swap(port_id_, other.port_id_);
  std::swap(flows_, other.flows_);
  return *this;
}

FlowRules::~FlowRules() {
  for (rte_flow* flow : flows_) {
    rte_flow_error error = {};
    rte_flow_destroy(port_id_, flow, &error);
  }
}

}  // namespace causeway
