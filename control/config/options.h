// The names of all settings. The command line and the TOML file share this one table.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace causeway::config {

enum class OptionKind {
  kValue,  ///< given once; a value on the command line replaces the file's
  kList,   ///< given any number of times; values on the command line are added to the file's
  kFlag,   ///< takes no value; in the file `name = true`
};

struct Option {
  const char* name;  // without the leading dashes; also the key in the TOML file
  OptionKind kind;
  const char* value;  // what the help calls its value
  const char* help;
  bool in_file = true;  // false: for the command line only
};

/// All of them, in the order of the help text.
absl::Span<const Option> Options();
/// nullptr when there is none of that name.
const Option* FindOption(absl::string_view name);
/// The name that a mistyped one most likely meant, or "" when none comes near.
std::string NearestOption(absl::string_view name);

/// Values as text, by option name; a flag that is set has one empty value. Several values of a
/// kValue option (`address` as a TOML list) have been joined by commas.
using OptionValues = std::map<std::string, std::vector<std::string>>;

/// What holds when both are given: lists are joined, the file's values first; of the rest the
/// command line's wins.
OptionValues Merge(const OptionValues& file, const OptionValues& command_line);

}  // namespace causeway::config
