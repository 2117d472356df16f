// What one option of the daemon is: declared once, for the command line, the configuration file,
// --help, --check-config and the manual page alike.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace causeway::config {

enum class OptionKind {
  kFlag,    ///< takes no value; in the file true or false
  kNumber,  ///< takes a whole number
  kText,    ///< takes one text
  kItems,   ///< takes one text of items with commas between; in the file a list does as well
  kList,    ///< takes texts, given any number of times; in the file a list
};

/// What happens to a change of the option when the daemon runs.
enum class Reload {
  kAtStart,  ///< it takes effect at the next start
  kReload,   ///< SIGHUP applies it
};

/// What of a value is never shown.
enum class Secret { kNothing, kAll, kAfterColon };

/// The value as it may be shown: what is secret becomes "***".
std::string Redact(Secret secret, absl::string_view text);

/// A value as it was given. A flag that is set has one empty value.
struct GivenValue {
  std::string text;
  std::string place;  // "FILE:LINE: "; empty: from the command line
};
/// By the option's name. The values of a kItems option are one text.
using OptionValues = std::map<std::string, std::vector<GivenValue>>;

/// Makes "--NAME …", an error about a value from a file, "FILE:LINE: NAME …".
absl::Status AtPlace(const absl::Status& error, const GivenValue& value);

/// The typed place in T of an option's value; fields.h makes them.
template <typename T>
struct Field {
  OptionKind kind;
  /// What errors say that a value must be; "" when the kind says it all.
  std::string expected;
  /// Checks the values, at least one, and stores them. Errors call the option "--NAME", or by place
  /// and name, and are one line.
  std::function<absl::Status(absl::string_view name, absl::Span<const GivenValue> values, T& out)>
      read;
  /// The texts that `read` would make the field from, secrets in clear; none when it is not given.
  std::function<std::vector<std::string>(const T& in)> write;
};

template <typename T>
struct Option {
  const char* name;  // of the flag, without the leading dashes, and of the key in the file
  Field<T> field;
  const char* value = "";         // what the help calls its value
  const char* help = "";          // one sentence for --help, without capital and full stop
  const char* default_text = "";  // says what a default is made from; one that is fixed is T's own
  Reload reload = Reload::kAtStart;
  Secret secret = Secret::kNothing;
  const char* manual = "";  // further sentences for the manual page, with a blank line between
                            // paragraphs
};

/// What holds when the option is not given, for people; "" when there is nothing to say.
template <typename T>
std::string DefaultText(const Option<T>& option) {
  if (*option.default_text != '\0') return option.default_text;
  const std::vector<std::string> texts = option.field.write(T());
  return option.field.kind == OptionKind::kFlag || texts.empty() ? "" : texts.front();
}

/// nullptr when there is none of that name.
template <typename T>
const Option<T>* LookUpOption(absl::Span<const Option<T>> options, absl::string_view name) {
  for (const Option<T>& option : options) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

/// Checks all values of `options` and stores them in `out`; `table` is put before their names in
/// errors. The first mistake.
template <typename T>
absl::Status ReadOptions(absl::Span<const Option<T>> options, const OptionValues& values,
                         absl::string_view table, T& out) {
  for (const Option<T>& option : options) {
    const auto given = values.find(option.name);
    if (given == values.end()) continue;
    const std::string name = absl::StrCat(table, option.name);
    if (absl::Status status = option.field.read(name, given->second, out); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace causeway::config
