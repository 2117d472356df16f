// Values of single settings, from text. Every error is one line: setting, value, what is wrong with
// it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/auth/authenticator.h"
#include "dataplane/address.h"

namespace causeway::config {

/// What of a value, which is UTF-8, an error shows: its first 200 bytes.
std::string Shortened(absl::string_view value);

/// "--NAME VALUE: REASON".
absl::Status BadValue(absl::string_view name, absl::string_view value, absl::string_view reason);

/// A whole decimal number within [min, max].
absl::StatusOr<uint32_t> ParseNumber(absl::string_view name, absl::string_view text, uint32_t min,
                                     uint32_t max);

struct PortRange {
  uint16_t first;
  uint16_t last;  // inclusive
  uint32_t size() const { return uint32_t{last} - first + 1; }
};
/// "FIRST-LAST" with 1024 <= FIRST < LAST (RFC 8656 section 7.2 keeps relays off the system ports).
absl::StatusOr<PortRange> ParsePortRange(absl::string_view name, absl::string_view text);

/// An address that a host may have: refuses IPv4-mapped IPv6, unspecified, multicast and broadcast.
absl::StatusOr<IpAddress> ParseHostAddress(absl::string_view name, absl::string_view text);
/// A listening address and the prefix length for the mirror; 128 when the text has none.
struct ListenAddress {
  IpAddress address;
  Prefix mirror;  // with host bits: the address and its length
  bool has_length = false;
};
/// "A[/LEN][,B[/LEN]]...", at most 255, none twice.
absl::StatusOr<std::vector<ListenAddress>> ParseListenAddresses(absl::string_view name,
                                                                absl::string_view text);

/// A block of addresses; refuses mapped addresses and host bits.
absl::StatusOr<Prefix> ParsePrefix(absl::string_view name, absl::string_view text);
/// A block of addresses that a host may have: ParsePrefix and what ParseHostAddress refuses.
absl::StatusOr<Prefix> ParseHostPrefix(absl::string_view name, absl::string_view text);

/// "NAME:PASSWORD", split at the first colon. `origin` is what errors call it ("--user, value 2"):
/// they never quote the text.
absl::StatusOr<auth::StaticUser> ParseUser(absl::string_view origin, absl::string_view text);

/// At most 127 bytes (RFC 8489 section 14.9); may be empty.
absl::StatusOr<std::string> ParseRealm(absl::string_view name, absl::string_view text);
/// A secret of time-limited credentials, not empty; errors never quote it.
absl::StatusOr<std::string> ParseSecret(absl::string_view name, absl::string_view text);
/// The name of a file, not empty.
absl::StatusOr<std::string> ParsePath(absl::string_view name, absl::string_view text);

enum class LogLevel { kDebug, kInfo, kWarning, kError };
absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name, absl::string_view text);
std::string LogLevelName(const LogLevel& level);

/// What the parsers above take.
std::string WriteListenAddress(const ListenAddress& address);
std::string WritePrefix(const Prefix& prefix);
std::string WritePortRange(const PortRange& ports);

/// A Linux interface name.
absl::StatusOr<std::string> ParseInterface(absl::string_view name, absl::string_view text);
/// A PCI address with its domain ("03:00.0" becomes "0000:03:00.0", arguments after a comma stay),
/// or any other DPDK device string as it is.
absl::StatusOr<std::string> ParseDevice(absl::string_view name, absl::string_view text);
/// True when a device from ParseDevice is a PCI device.
bool IsPciDevice(absl::string_view device);

}  // namespace causeway::config
