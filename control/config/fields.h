// Fields of the common types, for the declarations of options. The parsers are those of values.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "control/config/option.h"
#include "control/config/values.h"

namespace causeway::config {

/// From a name for errors and a text.
template <typename V>
using Parser = absl::StatusOr<V> (*)(absl::string_view name, absl::string_view text);
/// The text that a Parser takes; "" for a value that stands for none.
template <typename V>
using Writer = std::string (*)(const V& value);

inline std::vector<std::string> Digits(uint32_t number) { return {absl::StrCat(number)}; }
inline std::vector<std::string> Digits(const std::optional<uint32_t>& number) {
  return number ? Digits(*number) : std::vector<std::string>();
}

/// `member` is an unsigned integer of at most 32 bits, or an std::optional<uint32_t>.
template <typename T, typename N>
Field<T> Number(N T::*member, uint32_t min, uint32_t max) {
  return {OptionKind::kNumber, absl::StrCat("a whole number from ", min, " to ", max),
          [=](absl::string_view name, absl::Span<const GivenValue> values, T& out) {
            auto number = ParseNumber(name, values.front().text, min, max);
            if (number.ok()) out.*member = static_cast<N>(*number);
            return AtPlace(number.status(), values.front());
          },
          [=](const T& in) { return Digits(in.*member); }};
}

/// A flag that makes `member` be `value`.
template <typename T>
Field<T> Flag(bool T::*member, bool value = true) {
  return {OptionKind::kFlag, "true or false",
          [=](absl::string_view, absl::Span<const GivenValue>, T& out) {
            out.*member = value;
            return absl::OkStatus();
          },
          [=](const T& in) {
            return in.*member == value ? std::vector<std::string>{""} : std::vector<std::string>();
          }};
}

template <typename T, typename V>
Field<T> Text(V T::*member, Parser<V> parse, Writer<V> write) {
  return {OptionKind::kText, "",
          [=](absl::string_view name, absl::Span<const GivenValue> values, T& out) -> absl::Status {
            auto value = parse(name, values.front().text);
            if (!value.ok()) return AtPlace(value.status(), values.front());
            out.*member = *std::move(value);
            return absl::OkStatus();
          },
          [=](const T& in) {
            const std::string text = write(in.*member);
            return text.empty() ? std::vector<std::string>() : std::vector<std::string>{text};
          }};
}

template <typename T>
Field<T> Text(std::string T::*member, Parser<std::string> parse) {
  return Text<T, std::string>(member, parse, [](const std::string& text) { return text; });
}

template <typename V>
std::vector<std::string> WriteEach(const std::vector<V>& items, Writer<V> write) {
  std::vector<std::string> texts;
  for (const V& item : items) texts.push_back(write(item));
  return texts;
}

/// One text with commas, parsed as a whole.
template <typename T, typename V>
Field<T> Items(std::vector<V> T::*member, Parser<std::vector<V>> parse, Writer<V> write) {
  return {OptionKind::kItems, "",
          [=](absl::string_view name, absl::Span<const GivenValue> values, T& out) -> absl::Status {
            auto items = parse(name, values.front().text);
            if (!items.ok()) return AtPlace(items.status(), values.front());
            out.*member = *std::move(items);
            return absl::OkStatus();
          },
          [=](const T& in) { return WriteEach<V>(in.*member, write); }};
}

/// Any number of texts, each parsed by itself.
template <typename T, typename V>
Field<T> List(std::vector<V> T::*member, Parser<V> parse, Writer<V> write) {
  return {OptionKind::kList, "",
          [=](absl::string_view name, absl::Span<const GivenValue> values, T& out) -> absl::Status {
            for (const GivenValue& given : values) {
              auto value = parse(name, given.text);
              if (!value.ok()) return AtPlace(value.status(), given);
              (out.*member).push_back(*std::move(value));
            }
            return absl::OkStatus();
          },
          [=](const T& in) { return WriteEach<V>(in.*member, write); }};
}

}  // namespace causeway::config
