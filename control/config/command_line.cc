#include "control/config/command_line.h"

#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace causeway::config {
namespace {

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
  for (const Option& option : Options()) {
    const std::string flag = absl::StrCat("--", option.name);
    if (option.kind == OptionKind::kFlag) {
      app->add_flag(flag, option.help);
      continue;
    }
    app->add_option(flag)
        ->description(option.help)
        ->type_name(option.value)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
  }
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
absl::StatusOr<std::vector<std::string>> Values(const Option& option, const CLI::Option& given) {
  const std::string flag = absl::StrCat("--", option.name);
  if (option.kind == OptionKind::kFlag) {
    if (given.results().front() == "true") return std::vector<std::string>{""};
    return Usage(absl::StrCat(flag, ": takes no value"));
  }
  for (const std::string& value : given.results()) {
    const absl::string_view text = value;
    if (absl::StartsWith(text, "--") && FindOption(text.substr(2)) != nullptr) {
      return Usage(absl::StrCat(flag, ": needs a value, and ", text, " follows"));
    }
  }
  if (option.kind == OptionKind::kValue && given.results().size() > 1) {
    return Usage(
        absl::StrCat(flag, ": given ", given.results().size(), " times; it takes one value"));
  }
  return given.results();
}

absl::Status Collect(const CLI::App& app, CommandLine& out) {
  for (const std::string& extra : app.remaining()) {
    if (absl::StartsWith(extra, "-")) return UnknownArgument(extra);
  }
  for (const Option& option : Options()) {
    const CLI::Option* given = app.get_option(absl::StrCat("--", option.name));
    if (given->empty()) continue;
    auto values = Values(option, *given);
    if (!values.ok()) return values.status();
    out.values[option.name] = *std::move(values);
  }
  if (app.remaining_size() != 0) return UnknownArgument(app.remaining().front());
  if (auto file = out.values.extract("config")) out.config_file = file.mapped().front();
  out.check_config = !out.values.extract("check-config").empty();
  return absl::OkStatus();
}

void Overwrite(char* secret) { std::memset(secret, 'x', std::strlen(secret)); }

void ScrubUser(char* user) {
  char* colon = std::strchr(user, ':');
  Overwrite(colon == nullptr ? user : colon + 1);
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
  return out;
}

void ScrubSecrets(int argc, char** argv) {
  constexpr char kUser[] = "--user";
  constexpr char kSecret[] = "--auth-secret";
  for (int i = 1; i < argc; ++i) {
    const absl::string_view argument = argv[i];
    const bool has_next = i + 1 < argc;
    if (argument == kUser && has_next) ScrubUser(argv[i + 1]);
    if (argument == kSecret && has_next) Overwrite(argv[i + 1]);
    if (absl::StartsWith(argument, "--user=")) ScrubUser(argv[i] + sizeof(kUser));
    if (absl::StartsWith(argument, "--auth-secret=")) Overwrite(argv[i] + sizeof(kSecret));
  }
}

}  // namespace causeway::config
