#include "control/config/manual_page.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "control/config/options.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace causeway::config {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

std::string Bold(absl::string_view text) {
  return absl::StrCat("\\fB", absl::StrReplaceAll(text, {{"-", "\\-"}}), "\\fR");
}

/// What stands under the heading.
std::string Section(const std::string& heading) {
  const std::string page = ManualPage();
  const size_t begin = page.find(absl::StrCat(".SH ", heading, "\n"));
  EXPECT_NE(begin, std::string::npos) << heading;
  return page.substr(begin, page.find("\n.SH ", begin) - begin);
}

TEST(ManualPage, HasEveryOption) {
  const std::string options = Section("OPTIONS");
  const auto check = [&](const auto& option) {
    EXPECT_THAT(options, HasSubstr(Bold(absl::StrCat("--", option.name)))) << option.name;
  };
  for (const auto& option : Options()) check(option);
  for (const auto& option : CommandLineOptions()) check(option);
  const std::string file = Section("CONFIGURATION FILE");
  for (const auto& option : TenantOptions()) EXPECT_THAT(file, HasSubstr(Bold(option.name)));
  for (const auto& option : TenantLimitOptions()) EXPECT_THAT(file, HasSubstr(Bold(option.name)));
}

TEST(ManualPage, SaysDefaultsAndPlaceholders) {
  const std::string options = Section("OPTIONS");
  EXPECT_THAT(options, HasSubstr("\\fB\\-\\-port\\fR \\fIPORT\\fR\nUDP port where clients reach "
                                 "this node.\nDefault: 3478.\n"));
}

TEST(ManualPage, SaysWhatSighupApplies) {
  const std::string signals = Section("SIGNALS");
  for (const auto& option : Options()) {
    const bool named = signals.find(Bold(option.name)) != std::string::npos;
    EXPECT_EQ(named, option.reload == Reload::kReload) << option.name;
  }
}

TEST(ManualPage, LeavesNothingToRoffByAccident) {
  const std::vector<std::string> requests = {".TH", ".SH", ".TP", ".PP",
                                             ".BR", ".br", ".nf", ".fi"};
  for (absl::string_view line : absl::StrSplit(ManualPage(), '\n')) {
    EXPECT_THAT(std::string(line), Not(testing::StartsWith("'")));
    if (line.empty() || line[0] != '.') continue;
    const std::string request(line.substr(0, line.find(' ')));
    EXPECT_THAT(requests, testing::Contains(request)) << line;
  }
}

}  // namespace
}  // namespace causeway::config
