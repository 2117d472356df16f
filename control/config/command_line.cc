#include "control/config/command_line.h"

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "control/config/manual_page.h"

namespace causeway::config {
namespace {

template <typename T>
std::string HelpText(const Option<T>& option) {
  const std::string default_text = DefaultText(option);
  if (default_text.empty()) return option.help;
  return absl::StrCat(option.help, " [", default_text, "]");
}

template <typename T>
void AddOptions(absl::Span<const Option<T>> options, CLI::App& app) {
  for (const Option<T>& option : options) {
    const std::string flag = absl::StrCat("--", option.name);
    if (option.field.kind == OptionKind::kFlag) {
      app.add_flag(flag, option.help);
      continue;
    }
    app.add_option(flag)
        ->description(HelpText(option))
        ->type_name(option.value)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
  }
}

std::unique_ptr<CLI::App> MakeApp() {
  auto app = std::make_unique<CLI::App>(
      "Causeway: a TURN media relay (RFC 8656) on DPDK.\n\n"
      "causewayd --interface eth1 --address 203.0.113.5 --realm example.org --user alice:secret\n\n"
      "Passwords and secrets are better given in files than here, where they stand in the shell's "
      "history.\nSIGINT and SIGTERM stop it; SIGHUP reads users, secrets and peer rules again.",
      "causewayd");
  app->set_version_flag("--version", "causewayd " CAUSEWAY_VERSION);
  app->set_help_flag("-h,--help", "print this text and exit");
  app->allow_extras();
  app->get_formatter()->column_width(34);
  AddOptions(Options(), *app);
  AddOptions(CommandLineOptions(), *app);
  return app;
}

absl::Status Usage(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status UnknownArgument(absl::string_view argument) {
  if (!absl::StartsWith(argument, "-") || argument == "-") {
    return Usage("a value stands without its flag: write --flag value (see --help)");
  }
  const absl::string_view flag = argument.substr(0, argument.find('='));
  const std::string nearest = NearestOption(absl::StripPrefix(absl::StripPrefix(flag, "-"), "-"));
  if (nearest.empty()) return Usage(absl::StrCat("unknown flag ", flag, ": see --help"));
  return Usage(absl::StrCat("unknown flag ", flag, ": did you mean --", nearest, "?"));
}

absl::Status TranslateError(const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    const std::string text = error.what();
    return Usage(
        absl::StrCat(text.substr(0, text.find(':')),
                     ": needs a value (one that begins with '-' is written --flag=value)"));
  }
  return Usage(absl::StrCat("cannot read the command line: ", error.get_name()));
}

/// Values of one option that is given; errors never quote them.
absl::StatusOr<std::vector<GivenValue>> Values(const std::string& flag, OptionKind kind,
                                               const CLI::Option& given) {
  if (kind == OptionKind::kFlag) {
    if (given.results().front() == "true") return std::vector<GivenValue>(1);
    return Usage(absl::StrCat(flag, ": takes no value"));
  }
  std::vector<GivenValue> values;
  for (const std::string& text : given.results()) {
    if (absl::StartsWith(text, "--") && IsOption(text.substr(2))) {
      return Usage(absl::StrCat(flag, ": needs a value, and ", text, " follows"));
    }
    values.push_back({text, ""});
  }
  if (kind != OptionKind::kList && values.size() > 1) {
    return Usage(absl::StrCat(flag, ": given ", values.size(), " times; it takes one value"));
  }
  return values;
}

template <typename T>
absl::Status Collect(const CLI::App& app, absl::Span<const Option<T>> options, OptionValues& out) {
  for (const Option<T>& option : options) {
    const std::string flag = absl::StrCat("--", option.name);
    const CLI::Option* given = app.get_option(flag);
    if (given->empty()) continue;
    auto values = Values(flag, option.field.kind, *given);
    if (!values.ok()) return values.status();
    out[option.name] = *std::move(values);
  }
  return absl::OkStatus();
}

absl::Status Collect(const CLI::App& app, CommandLine& out) {
  for (const std::string& extra : app.remaining()) {
    if (absl::StartsWith(extra, "-")) return UnknownArgument(extra);
  }
  OptionValues own;
  absl::Status status = Collect(app, Options(), out.values);
  status.Update(Collect(app, CommandLineOptions(), own));
  if (!status.ok()) return status;
  if (app.remaining_size() != 0) return UnknownArgument(app.remaining().front());
  return ReadOptions(CommandLineOptions(), own, "", out);
}

void Overwrite(char* secret) { std::memset(secret, 'x', std::strlen(secret)); }

/// Overwrites what of an option's value is secret; `value` may be nullptr.
void Scrub(Secret secret, char* value) {
  if (value == nullptr) return;
  char* colon = secret == Secret::kAfterColon ? std::strchr(value, ':') : nullptr;
  Overwrite(colon == nullptr ? value : colon + 1);
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine out;
  auto app = MakeApp();
  try {
    app->parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    out.print = app->help();
    return out;
  } catch (const CLI::CallForVersion& version) {
    out.print = absl::StrCat(version.what(), "\n");
    return out;
  } catch (const CLI::ParseError& error) {
    return TranslateError(error);
  }
  if (absl::Status status = Collect(*app, out); !status.ok()) return status;
  if (out.manual) out.print = ManualPage();
  return out;
}

void ScrubSecrets(int argc, char** argv) {
  for (const Option<Settings>& option : Options()) {
    if (option.secret == Secret::kNothing) continue;
    const std::string flag = absl::StrCat("--", option.name);
    for (int i = 1; i < argc; ++i) {
      absl::string_view argument = argv[i];
      if (!absl::ConsumePrefix(&argument, flag)) continue;
      if (argument.empty()) Scrub(option.secret, i + 1 < argc ? argv[i + 1] : nullptr);
      if (absl::StartsWith(argument, "=")) Scrub(option.secret, argv[i] + flag.size() + 1);
    }
  }
}

}  // namespace causeway::config
