#include "control/auth/opaque_string.h"

#include <unictype.h>
#include <uninorm.h>
#include <unistr.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "absl/strings/str_cat.h"

namespace causeway::auth {
namespace {

const uint8_t* Data(absl::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

bool IsFreeform(ucs4_t c) {
  if (c < 0x80) return c >= 0x20 && c != 0x7f;
  if (uc_is_property_default_ignorable_code_point(c)) return false;
  const bool old_hangul_jamo =
      (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) || (c >= 0xd7b0 && c <= 0xd7fb);
  if (old_hangul_jamo) return false;
  return !uc_is_general_category_withtable(
      c, UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Zl | UC_CATEGORY_MASK_Zp);
}

bool IsForeignSpace(ucs4_t c) {
  return c != ' ' && uc_is_general_category_withtable(c, UC_CATEGORY_MASK_Zs);
}

absl::StatusOr<std::string> ToNfc(const std::string& text) {
  size_t size = 0;
  std::unique_ptr<uint8_t, decltype(&std::free)> nfc(
      u8_normalize(UNINORM_NFC, Data(text), text.size(), nullptr, &size), &std::free);
  if (nfc == nullptr) return absl::ResourceExhaustedError("has no room to be normalised");
  return std::string(reinterpret_cast<const char*>(nfc.get()), size);
}

}  // namespace

absl::StatusOr<std::string> OpaqueString(absl::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("is empty; give at least one character");
  std::string mapped;
  for (size_t at = 0; at < text.size();) {
    ucs4_t c = 0;
    const int size = u8_mbtoucr(&c, Data(text) + at, text.size() - at);
    if (size <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("is not UTF-8 at byte ", at, "; give it in UTF-8"));
    }
    if (!IsFreeform(c)) {
      return absl::InvalidArgumentError(
          absl::StrCat("has a control or invisible character at byte ", at,
                       "; RFC 8265 allows none, leave it out"));
    }
    if (IsForeignSpace(c)) {
      mapped += ' ';
    } else {
      absl::StrAppend(&mapped, text.substr(at, static_cast<size_t>(size)));
    }
    at += static_cast<size_t>(size);
  }
  return ToNfc(mapped);
}

bool IsOpaqueString(absl::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<uint8_t>(c) >= 0x20 && static_cast<uint8_t>(c) < 0x7f;
  });
  if (plain) return !text.empty();
  const auto opaque = OpaqueString(text);
  return opaque.ok() && *opaque == text;
}

}  // namespace causeway::auth
