// Option values for tests, as plain texts.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "control/config/option.h"

namespace causeway::config {

using Texts = std::map<std::string, std::vector<std::string>>;

/// As from the command line.
inline OptionValues Given(const Texts& texts) {
  OptionValues values;
  for (const auto& [name, items] : texts) {
    for (const std::string& text : items) values[name].push_back({text, ""});
  }
  return values;
}

/// Without the places.
inline Texts TextsOf(const OptionValues& values) {
  Texts texts;
  for (const auto& [name, items] : values) {
    for (const GivenValue& value : items) texts[name].push_back(value.text);
  }
  return texts;
}

}  // namespace causeway::config
