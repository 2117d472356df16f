#include "control/config/values.h"

#include <net/if.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace causeway::config {
namespace {

constexpr size_t kMaxListenAddresses = 255;

constexpr std::pair<LogLevel, absl::string_view> kLogLevels[] = {{LogLevel::kDebug, "debug"},
                                                                 {LogLevel::kInfo, "info"},
                                                                 {LogLevel::kWarning, "warning"},
                                                                 {LogLevel::kError, "error"}};

bool AllDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

/// "Overlaps" for prefixes: one holds the other's first address.
bool Overlap(const Prefix& a, const Prefix& b) {
  return a.Contains(b.First()) || b.Contains(a.First());
}

struct Unusable {
  const char* prefix;
  const char* reason;
};
constexpr Unusable kUnusable[] = {
    {"0.0.0.0/8", "is no address of a host: name the node's own"},
    {"::/128", "is no address of a host: name the node's own"},
    {"224.0.0.0/4", "is a multicast address"},
    {"ff00::/8", "is a multicast address"},
    {"255.255.255.255/32", "is the broadcast address"},
};

absl::Status CheckHost(absl::string_view name, absl::string_view text, const Prefix& prefix) {
  for (const Unusable& unusable : kUnusable) {
    if (Overlap(prefix, *Prefix::Parse(unusable.prefix))) {
      return BadValue(name, text, unusable.reason);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<IpAddress> ParseAddress(absl::string_view name, absl::string_view address,
                                       absl::string_view whole) {
  auto parsed = IpAddress::Parse(address);
  if (!parsed.ok()) return BadValue(name, whole, "not an IPv4 or IPv6 address");
  if (parsed->IsV4() && absl::StrContains(address, ':')) {
    return BadValue(name, whole,
                    absl::StrCat("an IPv4-mapped IPv6 address; write ", parsed->ToString()));
  }
  return parsed;
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view name, absl::string_view text) {
  const size_t slash = text.find('/');
  auto address = ParseHostAddress(name, text.substr(0, slash));
  if (!address.ok()) return address.status();
  ListenAddress out{*address, Prefix::Host(*address)};
  if (slash == absl::string_view::npos) return out;
  const uint32_t width = address->IsV4() ? 32 : 128;
  uint32_t length = 0;
  const absl::string_view digits = text.substr(slash + 1);
  if (!AllDigits(digits) || !absl::SimpleAtoi(digits, &length) || length < 1 || length > width) {
    return BadValue(name, text, absl::StrCat("the prefix length is a number from 1 to ", width));
  }
  out.mirror.length = static_cast<uint8_t>(length + 128 - width);
  out.has_length = true;
  return out;
}

/// Where the PCI bus number begins: after a four-digit domain, if there is one.
bool LooksLikePci(absl::string_view bus, bool with_domain) {
  constexpr absl::string_view kFull = "hhhh:hh:hh.h";
  const absl::string_view form = with_domain ? kFull : kFull.substr(5);
  if (bus.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    if (form[i] == 'h' ? !absl::ascii_isxdigit(bus[i]) : bus[i] != form[i]) return false;
  }
  return true;
}

}  // namespace

absl::Status BadValue(absl::string_view name, absl::string_view value, absl::string_view reason) {
  return absl::InvalidArgumentError(absl::StrCat("--", name, " ", Shortened(value), ": ", reason));
}

std::string Shortened(absl::string_view value) {
  constexpr size_t kShown = 200;
  if (value.size() <= kShown) return std::string(value);
  size_t end = kShown;
  while (end > 0 && (static_cast<uint8_t>(value[end]) & 0xC0) == 0x80) --end;  // within a character
  return absl::StrCat(value.substr(0, end), "...");
}

absl::StatusOr<uint32_t> ParseNumber(absl::string_view name, absl::string_view text, uint32_t min,
                                     uint32_t max) {
  uint32_t number = 0;
  if (!AllDigits(text) || !absl::SimpleAtoi(text, &number) || number < min || number > max) {
    return BadValue(name, text, absl::StrCat("must be a whole number from ", min, " to ", max));
  }
  return number;
}

absl::StatusOr<PortRange> ParsePortRange(absl::string_view name, absl::string_view text) {
  const std::vector<absl::string_view> ends = absl::StrSplit(text, '-');
  uint32_t first = 0;
  uint32_t last = 0;
  if (ends.size() != 2 || !AllDigits(ends[0]) || !AllDigits(ends[1]) ||
      !absl::SimpleAtoi(ends[0], &first) || !absl::SimpleAtoi(ends[1], &last) || last > 65535) {
    return BadValue(name, text, "must be FIRST-LAST, such as 49152-65535");
  }
  if (first > last) {
    return BadValue(name, text, absl::StrCat("reversed; write ", last, "-", first));
  }
  if (first == last) {
    return BadValue(name, text, "one port is too few: the first must be below the last");
  }
  if (first < 1024) {
    return BadValue(name, text,
                    "ports below 1024 belong to system services (RFC 8656 section 7.2): begin at "
                    "1024 or above");
  }
  return PortRange{static_cast<uint16_t>(first), static_cast<uint16_t>(last)};
}

absl::StatusOr<IpAddress> ParseHostAddress(absl::string_view name, absl::string_view text) {
  auto address = ParseAddress(name, text, text);
  if (!address.ok()) return address;
  absl::Status usable = CheckHost(name, text, Prefix::Host(*address));
  if (!usable.ok()) return usable;
  return address;
}

absl::StatusOr<std::vector<ListenAddress>> ParseListenAddresses(absl::string_view name,
                                                                absl::string_view text) {
  std::vector<ListenAddress> out;
  for (absl::string_view item : absl::StrSplit(text, ',')) {
    auto address = ParseListenAddress(name, absl::StripAsciiWhitespace(item));
    if (!address.ok()) return address.status();
    const bool again = std::any_of(out.begin(), out.end(), [&](const ListenAddress& other) {
      return other.address == address->address;
    });
    if (again) return BadValue(name, item, "given twice");
    out.push_back(*address);
  }
  if (out.size() > kMaxListenAddresses) {
    return BadValue(name, absl::StrCat("of ", out.size(), " addresses"),
                    absl::StrCat("at most ", kMaxListenAddresses));
  }
  return out;
}

absl::StatusOr<Prefix> ParsePrefix(absl::string_view name, absl::string_view text) {
  const size_t slash = text.find('/');
  const absl::string_view address_text = text.substr(0, slash);
  auto address = ParseAddress(name, address_text, text);
  if (!address.ok()) return address.status();
  const int width = address->IsV4() ? 32 : 128;
  if (slash != absl::string_view::npos && !AllDigits(text.substr(slash + 1))) {
    return BadValue(name, text, absl::StrCat("the prefix length is a number from 0 to ", width));
  }
  auto prefix = Prefix::Parse(text);
  if (!prefix.ok())
    return absl::InvalidArgumentError(absl::StrCat("--", name, " ", prefix.status().message()));
  return prefix;
}

absl::StatusOr<Prefix> ParseHostPrefix(absl::string_view name, absl::string_view text) {
  auto prefix = ParsePrefix(name, text);
  if (!prefix.ok()) return prefix;
  absl::Status usable = CheckHost(name, text, *prefix);
  if (!usable.ok()) return usable;
  return prefix;
}

absl::StatusOr<auth::StaticUser> ParseUser(absl::string_view origin, absl::string_view text) {
  const size_t colon = text.find(':');
  const char* wrong = nullptr;
  if (colon == absl::string_view::npos) {
    wrong = "has no colon: write NAME:PASSWORD";
  } else if (colon == 0) {
    wrong = "has no name before its colon: write NAME:PASSWORD";
  } else if (colon + 1 == text.size()) {
    wrong = "has no password after its colon: write NAME:PASSWORD";
  }
  if (wrong != nullptr) return absl::InvalidArgumentError(absl::StrCat(origin, ": ", wrong));
  return auth::StaticUser{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

absl::StatusOr<std::string> ParseRealm(absl::string_view name, absl::string_view text) {
  if (text.size() <= 127) return std::string(text);
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, ": ", text.size(), " bytes; at most 127 (RFC 8489 section 14.9)"));
}

absl::StatusOr<std::string> ParseSecret(absl::string_view name, absl::string_view text) {
  if (!text.empty()) return std::string(text);
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, ": empty; anybody could make credentials"));
}

absl::StatusOr<std::string> ParsePath(absl::string_view name, absl::string_view text) {
  if (!text.empty()) return std::string(text);
  return absl::InvalidArgumentError(absl::StrCat("--", name, ": empty; name a file"));
}

absl::StatusOr<LogLevel> ParseLogLevel(absl::string_view name, absl::string_view text) {
  for (const auto& [level, level_name] : kLogLevels) {
    if (level_name == text) return level;
  }
  return BadValue(name, text, "must be debug, info, warning or error");
}

std::string LogLevelName(const LogLevel& level) {
  for (const auto& [known, level_name] : kLogLevels) {
    if (known == level) return std::string(level_name);
  }
  return "";
}

std::string WriteListenAddress(const ListenAddress& address) { return WritePrefix(address.mirror); }

std::string WritePrefix(const Prefix& prefix) {
  return prefix.length == 128 ? prefix.address.ToString() : prefix.ToString();
}

std::string WritePortRange(const PortRange& ports) {
  return absl::StrCat(ports.first, "-", ports.last);
}

absl::StatusOr<std::string> ParseInterface(absl::string_view name, absl::string_view text) {
  const bool bad_character = std::any_of(text.begin(), text.end(), [](char c) {
    return c == '/' || c == ':' || !absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (text.empty() || text.size() >= IFNAMSIZ || bad_character) {
    return BadValue(name, text, "not the name of an interface (see `ip link`)");
  }
  return std::string(text);
}

absl::StatusOr<std::string> ParseDevice(absl::string_view name, absl::string_view text) {
  if (text.empty())
    return BadValue(name, text, "empty: give a PCI address or a DPDK device string");
  const absl::string_view bus = text.substr(0, text.find(','));
  if (LooksLikePci(bus, false)) return absl::StrCat("0000:", text);
  return std::string(text);
}

bool IsPciDevice(absl::string_view device) {
  return LooksLikePci(device.substr(0, device.find(',')), true);
}

}  // namespace causeway::config
