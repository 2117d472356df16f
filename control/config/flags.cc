#include "control/config/flags.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace causeway::config {
namespace {

constexpr size_t kHelpColumn = 34;

std::unique_ptr<CLI::App> MakeApp(const Program& program, absl::Span<const Flag> flags) {
  auto app = std::make_unique<CLI::App>(program.about, program.name);
  app->set_version_flag("--version", absl::StrCat(program.name, " " CAUSEWAY_VERSION));
  app->set_help_flag("-h,--help", "print this text and exit");
  app->allow_extras();
  app->footer(program.footer);
  app->get_formatter()->column_width(kHelpColumn);
  for (const Flag& flag : flags) {
    const std::string dashed = absl::StrCat("--", flag.name);
    if (flag.value.empty()) {
      app->add_flag(dashed, flag.help)->group(flag.heading);
      continue;
    }
    app->add_option(dashed)
        ->description(flag.help)
        ->type_name(flag.value)
        ->expected(1)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false)
        ->group(flag.heading);
  }
  return app;
}

absl::Status Usage(absl::string_view message) { return absl::InvalidArgumentError(message); }

absl::Status UnknownArgument(absl::string_view argument, absl::Span<const Flag> flags) {
  if (!absl::StartsWith(argument, "-") || argument == "-") {
    return Usage("a value stands without its flag: write --flag value (see --help)");
  }
  std::vector<std::string> names;
  for (const Flag& flag : flags) names.push_back(flag.name);
  const absl::string_view given = argument.substr(0, argument.find('='));
  const std::string nearest = Nearest(absl::StripPrefix(absl::StripPrefix(given, "-"), "-"), names);
  if (nearest.empty()) return Usage(absl::StrCat("unknown flag ", given, ": see --help"));
  return Usage(absl::StrCat("unknown flag ", given, ": did you mean --", nearest, "?"));
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

bool IsFlag(absl::string_view text, absl::Span<const Flag> flags) {
  return absl::ConsumePrefix(&text, "--") &&
         std::any_of(flags.begin(), flags.end(),
                     [&](const Flag& flag) { return text == flag.name; });
}

/// The values of one flag that is given; errors never quote them.
absl::StatusOr<std::vector<std::string>> Values(const Flag& flag, const CLI::Option& given,
                                                absl::Span<const Flag> flags) {
  const std::vector<std::string>& texts = given.results();
  if (flag.value.empty()) {
    if (texts.front() == "true") return std::vector<std::string>(1);
    return Usage(absl::StrCat("--", flag.name, ": takes no value"));
  }
  for (const std::string& text : texts) {
    if (!IsFlag(text, flags)) continue;
    return Usage(absl::StrCat("--", flag.name, ": needs a value, and ", text, " follows"));
  }
  if (!flag.repeats && texts.size() > 1) {
    return Usage(
        absl::StrCat("--", flag.name, ": given ", texts.size(), " times; it takes one value"));
  }
  return texts;
}

absl::Status Collect(const CLI::App& app, absl::Span<const Flag> flags, FlagTexts& out) {
  for (const std::string& extra : app.remaining()) {
    if (absl::StartsWith(extra, "-")) return UnknownArgument(extra, flags);
  }
  for (const Flag& flag : flags) {
    const CLI::Option* given = app.get_option(absl::StrCat("--", flag.name));
    if (given->empty()) continue;
    auto values = Values(flag, *given, flags);
    if (!values.ok()) return values.status();
    out.values[flag.name] = *std::move(values);
  }
  if (app.remaining_size() != 0) return UnknownArgument(app.remaining().front(), flags);
  return absl::OkStatus();
}

void Overwrite(char* secret) { std::memset(secret, 'x', std::strlen(secret)); }

/// Overwrites what of a flag's value is secret; `value` may be nullptr.
void Scrub(Secret secret, char* value) {
  if (value == nullptr) return;
  char* colon = secret == Secret::kAfterColon ? std::strchr(value, ':') : nullptr;
  Overwrite(colon == nullptr ? value : colon + 1);
}

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

absl::StatusOr<FlagTexts> ReadFlags(const Program& program, absl::Span<const Flag> flags, int argc,
                                    const char* const* argv) {
  FlagTexts out;
  auto app = MakeApp(program, flags);
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
  if (absl::Status status = Collect(*app, flags, out); !status.ok()) return status;
  return out;
}

void ScrubFlag(absl::string_view name, Secret secret, int argc, char** argv) {
  if (secret == Secret::kNothing) return;
  const std::string dashed = absl::StrCat("--", name);
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (!absl::ConsumePrefix(&argument, dashed)) continue;
    if (argument.empty()) Scrub(secret, i + 1 < argc ? argv[i + 1] : nullptr);
    if (absl::StartsWith(argument, "=")) Scrub(secret, argv[i] + dashed.size() + 1);
  }
}

std::string Nearest(absl::string_view name, absl::Span<const std::string> names) {
  std::string nearest;
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  if (name.size() < 3) return "";
  for (const std::string& candidate : names) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace causeway::config
