// Typed values out of option texts. Every error is one line: option, value, what to do.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "control/config/values.h"
#include "dataplane/address.h"
#include "perf/gen/command_line.h"
#include "perf/gen/endpoint_plan.h"

namespace causeway::gen {

class OptionReader {
 public:
  /// Borrows `texts`.
  explicit OptionReader(const OptionTexts& texts) : texts_(texts) {}

  bool Has(absl::string_view name) const { return texts_.find(name) != texts_.end(); }
  /// "" when not given.
  absl::string_view Text(absl::string_view name) const;

  // Those that follow leave `out` as it is when the option is not given.

  template <typename T>
  absl::Status Number(absl::string_view name, uint32_t min, uint32_t max, T& out) const {
    if (!Has(name)) return absl::OkStatus();
    auto number = config::ParseNumber(name, Text(name), min, max);
    if (number.ok()) out = static_cast<T>(*number);
    return number.status();
  }
  /// A number such as 10, 0.5 or 2e6 within [min, max], times `unit`.
  absl::Status Real(absl::string_view name, double min, double max, double& out,
                    double unit = 1) const;
  /// `out` becomes the place of the text in `names`, the first of which cannot be chosen.
  absl::Status Choice(absl::string_view name, absl::Span<const char* const> names,
                      size_t& out) const;
  /// ADDR, ADDR:PORT, [ADDR]:PORT.
  absl::Status Transport(absl::string_view name, Endpoint& out) const;
  /// Blocks of addresses, of one family and none twice, with a range of ports (10000-59999).
  absl::Status Plan(absl::string_view addresses, absl::string_view ports, EndpointPlan& out) const;

  /// `names` can be given when `condition` holds only.
  absl::Status Need(bool condition, absl::string_view other,
                    std::initializer_list<absl::string_view> names) const;
  /// Not both.
  absl::Status Exclude(absl::string_view a, absl::string_view b) const;

 private:
  /// "--name VALUE", "--name" for a flag.
  std::string Given(absl::string_view name) const;

  const OptionTexts& texts_;
};

}  // namespace causeway::gen
