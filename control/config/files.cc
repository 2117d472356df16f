#include "control/config/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

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

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return FileError(path, errno);
  auto text = ReadAll(path, fd);
  close(fd);
  return text;
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
