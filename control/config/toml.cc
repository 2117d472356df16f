#include "control/config/toml.h"

#include <sstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/files.h"
#include "control/config/flags.h"
#include "toml++/toml.h"

namespace causeway::config {
namespace {

absl::string_view View(const toml::key& key) { return {key.data(), key.length()}; }

/// Where a complaint about a key points, and what the key may hold.
struct Place {
  const std::string& path;
  std::string key;  // with its tables
  unsigned line;

  std::string Prefix() const { return absl::StrCat(path, ":", line, ": "); }
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(Prefix(), key, what));
  }
};

/// What an option takes, whatever the type of its field.
struct Wanted {
  OptionKind kind;
  bool secret;
  std::string expected;
};

template <typename T>
Wanted WantedBy(const Option<T>& option) {
  Wanted wanted{option.field.kind, option.secret != Secret::kNothing, option.field.expected};
  if (wanted.expected.empty()) {
    wanted.expected = absl::StrCat("a text in quotes: ", QuoteToml(option.value));
  }
  return wanted;
}

/// " VALUE", as it stands in the file; nothing of a list or table.
std::string Shown(const toml::node& node) {
  if (const auto* text = node.as_string())
    return absl::StrCat(" ", QuoteToml(Shortened(text->get())));
  std::ostringstream out;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_value<decltype(value)>) out << ' ' << value;
  });
  return out.str();
}

absl::Status WrongType(const Wanted& wanted, const toml::node& node, const Place& place) {
  const bool quoted_number = wanted.kind == OptionKind::kNumber && node.is_string();
  return place.Error(absl::StrCat(wanted.secret ? "" : Shown(node),
                                  node.is_table() ? " is a table: must be " : ": must be ",
                                  wanted.expected, quoted_number ? ", without quotes" : ""));
}

absl::StatusOr<std::string> ScalarText(const Wanted& wanted, const toml::node& node,
                                       const Place& place) {
  if (wanted.kind == OptionKind::kNumber) {
    if (const auto* number = node.as_integer()) return absl::StrCat(number->get());
  } else if (const auto* text = node.as_string()) {
    return text->get();
  }
  return WrongType(wanted, node, place);
}

using Values = std::vector<GivenValue>;

absl::StatusOr<Values> ListValues(const Wanted& wanted, const toml::array& list, Place place) {
  if (wanted.kind != OptionKind::kList && wanted.kind != OptionKind::kItems) {
    return place.Error(" takes one value, no list");
  }
  Values values;
  for (const toml::node& item : list) {
    place.line = item.source().begin.line;
    auto text = ScalarText(wanted, item, place);
    if (!text.ok()) return text.status();
    values.push_back({*std::move(text), place.Prefix()});
  }
  return values;
}

/// An option of comma-separated items has one text.
Values Join(Values values) {
  if (values.size() < 2) return values;
  const std::string text = absl::StrJoin(
      values, ",", [](std::string* out, const GivenValue& value) { *out += value.text; });
  return {{text, values.front().place}};
}

absl::StatusOr<Values> ValuesOf(const Wanted& wanted, const toml::node& node, const Place& place) {
  if (wanted.kind == OptionKind::kFlag) {
    const auto* flag = node.as_boolean();
    if (flag == nullptr) return WrongType(wanted, node, place);
    return flag->get() ? Values{{"", place.Prefix()}} : Values{};
  }
  if (const auto* list = node.as_array()) {
    auto values = ListValues(wanted, *list, place);
    if (!values.ok() || wanted.kind == OptionKind::kList) return values;
    return Join(*std::move(values));
  }
  auto text = ScalarText(wanted, node, place);
  if (!text.ok()) return text.status();
  return Values{{*std::move(text), place.Prefix()}};
}

template <typename T>
absl::Status UnknownKey(absl::Span<const Option<T>> options, absl::string_view subtable,
                        absl::string_view key, bool is_table, const Place& place) {
  std::vector<std::string> names{std::string(subtable)};
  for (const Option<T>& option : options) names.emplace_back(option.name);
  const std::string nearest = Nearest(key, names);
  return place.Error(absl::StrCat(
      is_table ? " is no table of ours" : " is no setting",
      nearest.empty() ? absl::StrCat(": see causewayd ", place.key == key ? "--help" : "--man")
                      : absl::StrCat(": did you mean ", nearest, "?")));
}

/// Reads one file.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  absl::StatusOr<FileValues> Read(const toml::table& root) const;

 private:
  Place PlaceOf(absl::string_view table, absl::string_view key, const toml::node& node) const {
    return {path_, absl::StrCat(table, key), node.source().begin.line};
  }
  /// All keys but `subtable`; `name` is that of the table, with a dot after it.
  template <typename T>
  absl::Status ReadTable(absl::string_view name, const toml::table& table,
                         absl::Span<const Option<T>> options, absl::string_view subtable,
                         OptionValues& out) const;
  absl::Status ReadTenants(const toml::node& node, std::vector<TenantValues>& out) const;
  absl::StatusOr<TenantValues> ReadTenant(absl::string_view key, const toml::node& node) const;

  const std::string& path_;
};

template <typename T>
absl::Status Reader::ReadTable(absl::string_view name, const toml::table& table,
                               absl::Span<const Option<T>> options, absl::string_view subtable,
                               OptionValues& out) const {
  for (const auto& [toml_key, node] : table) {
    const absl::string_view key = View(toml_key);
    if (key == subtable && !key.empty()) continue;
    const Place place = PlaceOf(name, key, node);
    const Option<T>* option = LookUpOption(options, key);
    if (option == nullptr && name.empty() && IsOption(key)) {
      return place.Error(" is for the command line only");
    }
    if (option == nullptr) return UnknownKey(options, subtable, key, node.is_table(), place);
    auto values = ValuesOf(WantedBy(*option), node, place);
    if (!values.ok()) return values.status();
    if (!values->empty()) out[option->name] = *std::move(values);
  }
  return absl::OkStatus();
}

absl::StatusOr<TenantValues> Reader::ReadTenant(absl::string_view key,
                                                const toml::node& node) const {
  const Place place = PlaceOf("tenant.", key, node);
  const auto* table = node.as_table();
  if (table == nullptr) return place.Error(" is no table: write [tenant.NAME]");
  TenantValues tenant{std::string(key), place.Prefix(), {}, {}};
  const std::string name = absl::StrCat(place.key, ".");
  absl::Status status = ReadTable(name, *table, TenantOptions(), "limits", tenant.options);
  if (!status.ok()) return status;
  const toml::node* limits = table->get("limits");
  if (limits == nullptr) return tenant;
  if (!limits->is_table()) {
    return PlaceOf(name, "limits", *limits).Error(" is no table: write [tenant.NAME.limits]");
  }
  status = ReadTable(absl::StrCat(name, "limits."), *limits->as_table(), TenantLimitOptions(), "",
                     tenant.limits);
  if (!status.ok()) return status;
  return tenant;
}

absl::Status Reader::ReadTenants(const toml::node& node, std::vector<TenantValues>& out) const {
  const auto* tenants = node.as_table();
  if (tenants == nullptr) {
    return PlaceOf("", "tenant", node).Error(" is no table: write [tenant.NAME]");
  }
  for (const auto& [key, tenant_node] : *tenants) {
    auto tenant = ReadTenant(View(key), tenant_node);
    if (!tenant.ok()) return tenant.status();
    out.push_back(*std::move(tenant));
  }
  return absl::OkStatus();
}

absl::StatusOr<FileValues> Reader::Read(const toml::table& root) const {
  FileValues values;
  absl::Status status = ReadTable("", root, Options(), "tenant", values.options);
  if (!status.ok()) return status;
  if (const toml::node* tenants = root.get("tenant")) {
    status = ReadTenants(*tenants, values.tenants);
    if (!status.ok()) return status;
  }
  return values;
}

/// toml++'s own words, without what they quote of the file: that might be a secret.
std::string WithoutQuotes(absl::string_view description) {
  description = description.substr(0, description.find(", saw "));
  const size_t first = description.find('\'');
  const size_t last = description.rfind('\'');
  if (first == last) return std::string(description.substr(0, first));
  const absl::string_view quoted = description.substr(first, last - first);
  for (const char c : quoted) {
    if (!absl::ascii_isalnum(c)) continue;
    return absl::StrCat(description.substr(0, first), "'...", description.substr(last));
  }
  return std::string(description);
}

/// toml++ destroys nested tables by recursion, which a key of very many parts would let overrun the
/// stack.
absl::Status CheckKeyParts(absl::string_view text, const std::string& path) {
  constexpr int kMaxParts = 1000;
  unsigned line = 1;
  int dots = 0;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (c == '\n' || c == ',' || c == '=') dots = 0;
    if (c == '.' && ++dots == kMaxParts) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", line, ": a key of more than ", kMaxParts, " parts"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FileValues> ParseToml(const std::string& text, const std::string& path) {
  if (absl::Status status = CheckKeyParts(text, path); !status.ok()) return status;
  try {
    return Reader(path).Read(toml::parse(text, path));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", unsigned{error.source().begin.line},
                                                   ": not TOML: ", WithoutQuotes(error.what())));
  }
}

absl::StatusOr<FileValues> ReadTomlFile(const std::string& path) {
  auto text = ReadFile(path);
  if (!text.ok()) return text.status();
  return ParseToml(*text, path);
}

std::string QuoteToml(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", absl::string_view(&c, 1));
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&out, "\\u", absl::Hex(byte, absl::kZeroPad4));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

}  // namespace causeway::config
