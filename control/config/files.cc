#include "control/config/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "toml++/toml.h"

namespace causeway::config {
namespace {

constexpr size_t kMaxFileSize = 16u << 20;

absl::Status FileError(const std::string& path, int error) {
  return absl::InvalidArgumentError(absl::StrCat("cannot read ", path, ": ", strerror(error)));
}

absl::StatusOr<std::string> ReadAll(const std::string& path, int fd) {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t size = read(fd, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return FileError(path, errno);
    if (size == 0) return text;
    text.append(buffer, static_cast<size_t>(size));
    if (text.size() > kMaxFileSize) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": larger than ", kMaxFileSize >> 20, " MB: not one of our files"));
    }
  }
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError(path, errno);
  auto text = ReadAll(path, fd);
  close(fd);
  return text;
}

/// Where a complaint about a TOML value points.
struct Place {
  const std::string& path;
  absl::string_view key;
  unsigned line;

  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(absl::StrCat(path, ":", line, ": ", key, " ", what));
  }
};

absl::StatusOr<std::string> ScalarText(const toml::node& node, const Place& place) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return absl::StrCat(number->get());
  return place.Error("must be a text or a whole number");
}

absl::StatusOr<std::vector<std::string>> ListTexts(const toml::array& list, const Place& place) {
  std::vector<std::string> texts;
  for (const toml::node& item : list) {
    auto text = ScalarText(item, place);
    if (!text.ok()) return text.status();
    texts.push_back(*std::move(text));
  }
  return texts;
}

absl::StatusOr<std::vector<std::string>> OptionTexts(const Option& option, const toml::node& node,
                                                     const Place& place) {
  using Texts = std::vector<std::string>;
  if (option.kind == OptionKind::kFlag) {
    const auto* flag = node.as_boolean();
    if (flag == nullptr) return place.Error("must be true or false");
    return flag->get() ? Texts{""} : Texts{};
  }
  const auto* list = node.as_array();
  if (list == nullptr) {
    auto text = ScalarText(node, place);
    if (!text.ok()) return text.status();
    return Texts{*std::move(text)};
  }
  auto texts = ListTexts(*list, place);
  if (option.kind == OptionKind::kList || !texts.ok()) return texts;
  if (absl::string_view(option.name) != "address") return place.Error("takes one value, no list");
  return texts->empty() ? Texts{} : Texts{absl::StrJoin(*texts, ",")};
}

absl::Status UnknownKey(const Place& place) {
  const Option* option = FindOption(place.key);
  if (option != nullptr) return place.Error("is for the command line only");
  const std::string nearest = NearestOption(place.key);
  if (nearest.empty()) return place.Error("is no setting: see causewayd --help");
  return place.Error(absl::StrCat("is no setting: did you mean ", nearest, "?"));
}

absl::StatusOr<OptionValues> CollectValues(const toml::table& table, const std::string& path) {
  OptionValues values;
  for (const auto& [key, node] : table) {
    const Place place{path, absl::string_view(key.data(), key.length()), node.source().begin.line};
    if (node.is_table()) return place.Error("is a table: settings stand at the top, in none");
    const Option* option = FindOption(place.key);
    if (option == nullptr || !option->in_file) return UnknownKey(place);
    auto texts = OptionTexts(*option, node, place);
    if (!texts.ok()) return texts.status();
    if (!texts->empty()) values[option->name] = *std::move(texts);
  }
  return values;
}

}  // namespace

absl::StatusOr<OptionValues> ParseToml(const std::string& text, const std::string& path) {
  try {
    return CollectValues(toml::parse(text, path), path);
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ":", unsigned{error.source().begin.line}, ": not TOML: ", error.what()));
  }
}

absl::StatusOr<OptionValues> ReadTomlFile(const std::string& path) {
  auto text = ReadFile(path);
  if (!text.ok()) return text.status();
  return ParseToml(*text, path);
}

absl::StatusOr<std::vector<SecretLine>> ReadSecretLines(const std::string& path) {
  auto text = ReadFile(path);
  if (!text.ok()) return text.status();
  std::vector<SecretLine> lines;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    ++number;
    line = absl::StripSuffix(line, "\r");
    if (!line.empty() && line[0] != '#') lines.push_back({number, std::string(line)});
  }
  return lines;
}

std::string ReadableByOthers(const std::string& path) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || (status.st_mode & 0004) == 0) return "";
  if (!S_ISREG(status.st_mode)) return "";
  return absl::StrFormat("%s holds secrets and everybody may read it (mode %04o): chmod 600 it",
                         path, status.st_mode & 07777);
}

}  // namespace causeway::config
