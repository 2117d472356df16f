#include "control/config/command_line.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config/flags.h"
#include "control/config/manual_page.h"

namespace causeway::config {
namespace {

constexpr Program kProgram = {
    "causewayd",
    "Causeway: a TURN media relay (RFC 8656) on DPDK.\n\n"
    "causewayd --interface eth1 --address 203.0.113.5 --realm example.org --user alice:secret\n\n"
    "Passwords and secrets are better given in files than here, where they stand in the shell's "
    "history.\nSIGINT and SIGTERM stop it; SIGHUP reads users, secrets and peer rules again."};

template <typename T>
std::string HelpText(const Option<T>& option) {
  const std::string default_text = DefaultText(option);
  if (default_text.empty()) return option.help;
  return absl::StrCat(option.help, " [", default_text, "]");
}

template <typename T>
void AddFlags(absl::Span<const Option<T>> options, std::vector<Flag>& flags) {
  for (const Option<T>& option : options) {
    const bool takes_value = option.field.kind != OptionKind::kFlag;
    flags.push_back({option.name, takes_value ? option.value : "",
                     takes_value ? HelpText(option) : option.help,
                     option.field.kind == OptionKind::kList});
  }
}

template <typename T>
OptionValues ValuesOf(absl::Span<const Option<T>> options, const FlagTexts& texts) {
  OptionValues values;
  for (const Option<T>& option : options) {
    const auto given = texts.values.find(option.name);
    if (given == texts.values.end()) continue;
    for (const std::string& text : given->second) values[option.name].push_back({text, ""});
  }
  return values;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  std::vector<Flag> flags;
  AddFlags(Options(), flags);
  AddFlags(CommandLineOptions(), flags);
  const auto texts = ReadFlags(kProgram, flags, argc, argv);
  if (!texts.ok()) return texts.status();
  CommandLine out;
  out.print = texts->print;
  out.values = ValuesOf(Options(), *texts);
  const OptionValues own = ValuesOf(CommandLineOptions(), *texts);
  const absl::Status status = ReadOptions(CommandLineOptions(), own, "", out);
  if (!status.ok()) return status;
  if (out.manual) out.print = ManualPage();
  return out;
}

void ScrubSecrets(int argc, char** argv) {
  for (const Option<Settings>& option : Options()) {
    ScrubFlag(option.name, option.secret, argc, argv);
  }
}

}  // namespace causeway::config
