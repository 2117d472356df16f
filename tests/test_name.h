// Names for parametrised tests.
#pragma once

#include <string>
#include <string_view>

namespace causeway {

/// What GoogleTest takes as the name of a parameter, from a text: letters and digits stay, what is
/// between them becomes one '_', but each colon one of its own ("::1" is not "1").
inline std::string TestName(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (kept) {
      name += c;
    } else if (c == ':' || (!name.empty() && name.back() != '_')) {
      name += '_';
    }
  }
  return name;
}

}  // namespace causeway
