#include "perf/gen/option_reader.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace causeway::gen {
namespace {

using config::BadValue;

constexpr uint16_t kTurnPort = 3478;

absl::Status Error(absl::string_view message) { return absl::InvalidArgumentError(message); }

struct Ports {
  uint16_t first = 10000;
  uint16_t last = 59999;
};

absl::Status ParsePorts(absl::string_view name, absl::string_view text, Ports& out) {
  const std::vector<std::string> ends = absl::StrSplit(text, '-');
  uint32_t numbers[2] = {};
  bool good = ends.size() == 2;
  for (size_t i = 0; good && i < 2; ++i) {
    good = absl::SimpleAtoi(ends[i], &numbers[i]) && numbers[i] >= 1 && numbers[i] <= 65535;
  }
  if (!good) return BadValue(name, text, "must be FIRST-LAST within 1-65535, such as 10000-59999");
  if (numbers[0] > numbers[1]) {
    return BadValue(name, text, absl::StrCat("reversed: write ", numbers[1], "-", numbers[0]));
  }
  out = {static_cast<uint16_t>(numbers[0]), static_cast<uint16_t>(numbers[1])};
  return absl::OkStatus();
}

/// Splits "192.0.2.1:3478" and "[2001:db8::1]:3478"; `port` is empty when there is none.
void SplitPort(absl::string_view text, absl::string_view& address, absl::string_view& port) {
  address = text;
  port = {};
  if (!text.empty() && text.front() == '[') {
    const size_t close = text.find(']');
    if (close == absl::string_view::npos) return;
    address = text.substr(1, close - 1);
    port = text.substr(close + 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    address = text.substr(0, text.find(':'));
    port = text.substr(text.find(':'));
  }
}

absl::Status CheckNewBlock(absl::string_view name, absl::string_view text, const Prefix& block,
                           const std::vector<Prefix>& blocks) {
  for (const Prefix& other : blocks) {
    if (other.Contains(block.First()) || block.Contains(other.First())) {
      return BadValue(name, text, absl::StrCat("overlaps ", other.ToString(), ": give it once"));
    }
    if (other.First().family() != block.First().family()) {
      return BadValue(name, text,
                      absl::StrCat("not of the family of ", other.ToString(), ": give one family"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::string_view OptionReader::Text(absl::string_view name) const {
  const auto found = texts_.find(name);
  return found == texts_.end() ? absl::string_view() : absl::string_view(found->second);
}

absl::Status OptionReader::Real(absl::string_view name, double min, double max, double& out,
                                double unit) const {
  if (!Has(name)) return absl::OkStatus();
  double number = 0;
  if (!absl::SimpleAtod(Text(name), &number) || !(number >= min && number <= max)) {
    return BadValue(name, Text(name),
                    absl::StrFormat("must be a number from %.10g to %.10g", min, max));
  }
  out = number * unit;
  return absl::OkStatus();
}

absl::Status OptionReader::Choice(absl::string_view name, absl::Span<const char* const> names,
                                  size_t& out) const {
  if (!Has(name)) return absl::OkStatus();
  for (size_t i = 1; i < names.size(); ++i) {
    if (Text(name) == names[i]) {
      out = i;
      return absl::OkStatus();
    }
  }
  return BadValue(name, Text(name),
                  absl::StrCat("no such kind: take ", absl::StrJoin(names.subspan(1), ", ")));
}

absl::Status OptionReader::Transport(absl::string_view name, Endpoint& out) const {
  if (!Has(name)) return absl::OkStatus();
  absl::string_view address_text;
  absl::string_view port_text;
  SplitPort(Text(name), address_text, port_text);
  auto address = config::ParseHostAddress(name, address_text);
  if (!address.ok()) return address.status();
  out = {*address, kTurnPort};
  if (port_text.empty()) return absl::OkStatus();
  uint32_t port = 0;
  if (!absl::SimpleAtoi(port_text.substr(1), &port) || port_text.front() != ':' || port < 1 ||
      port > 65535) {
    return BadValue(name, Text(name), "the port after the colon is a number from 1 to 65535");
  }
  out.port = static_cast<uint16_t>(port);
  return absl::OkStatus();
}

absl::Status OptionReader::Plan(absl::string_view addresses, absl::string_view ports,
                                EndpointPlan& out) const {
  Ports range;
  if (Has(ports)) {
    absl::Status status = ParsePorts(ports, Text(ports), range);
    if (!status.ok()) return status;
  }
  if (!Has(addresses)) return absl::OkStatus();
  std::vector<Prefix> blocks;
  for (absl::string_view text : absl::StrSplit(Text(addresses), ',')) {
    auto block = config::ParseHostPrefix(addresses, text);
    if (!block.ok()) return block.status();
    absl::Status status = CheckNewBlock(addresses, text, *block, blocks);
    if (!status.ok()) return status;
    blocks.push_back(*block);
  }
  out = EndpointPlan(blocks, range.first, range.last);
  return absl::OkStatus();
}

absl::Status OptionReader::Need(bool condition, absl::string_view other,
                                std::initializer_list<absl::string_view> names) const {
  for (absl::string_view name : names) {
    if (!condition && Has(name)) {
      return Error(absl::StrCat(Given(name), ": has a meaning with ", other,
                                " only: add that, or leave --", name, " out"));
    }
  }
  return absl::OkStatus();
}

absl::Status OptionReader::Exclude(absl::string_view a, absl::string_view b) const {
  if (!Has(a) || !Has(b)) return absl::OkStatus();
  return Error(
      absl::StrCat(Given(a), " and ", Given(b), ": one excludes the other: leave one out"));
}

std::string OptionReader::Given(absl::string_view name) const {
  return absl::StrCat("--", name, Text(name).empty() ? "" : " ", Text(name));
}

}  // namespace causeway::gen
