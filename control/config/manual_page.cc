#include "control/config/manual_page.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "control/config/options.h"

namespace causeway::config {
namespace {

/// Text in which roff sees no request and no escape.
std::string Roff(absl::string_view text) {
  std::string out =
      absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}, {"'", "\\(aq"}, {"`", "\\(ga"}});
  return absl::StrReplaceAll(out, {{"\n.", "\n\\&."}});
}

std::string Bold(absl::string_view text) { return absl::StrCat("\\fB", Roff(text), "\\fR"); }
std::string Italic(absl::string_view text) { return absl::StrCat("\\fI", Roff(text), "\\fR"); }

/// With a capital and a full stop.
std::string Sentence(std::string text) {
  text[0] = absl::ascii_toupper(static_cast<unsigned char>(text[0]));
  return absl::StrCat(text, ".");
}

/// A list item: how the option is written, then what it does.
template <typename T>
std::string Item(absl::string_view head, const Option<T>& option) {
  std::string out = absl::StrCat(".TP\n", head, "\n", Roff(Sentence(option.help)), "\n");
  const std::string default_text = DefaultText(option);
  if (!default_text.empty()) absl::StrAppend(&out, Roff("Default: " + default_text), ".\n");
  if (*option.manual != '\0') absl::StrAppend(&out, Roff(option.manual), "\n");
  return out;
}

template <typename T>
std::string FlagHead(const Option<T>& option) {
  const std::string flag = Bold(absl::StrCat("--", option.name));
  return *option.value == '\0' ? flag : absl::StrCat(flag, " ", Italic(option.value));
}

const char* FormInFile(OptionKind kind) {
  switch (kind) {
    case OptionKind::kFlag:
      return "true or false";
    case OptionKind::kNumber:
      return "number";
    case OptionKind::kText:
      return "text";
    case OptionKind::kItems:
      return "text or list of texts";
    case OptionKind::kList:
      return "list of texts";
  }
  return "";
}

/// "NAME = FORM", as the keys of a tenant are shown, which are no flags.
template <typename T>
std::string Keys(absl::Span<const Option<T>> options) {
  std::string out;
  for (const Option<T>& option : options) {
    const std::string form = FormInFile(option.field.kind);
    out += Item(absl::StrCat(Bold(option.name), " (", form, ")"), option);
  }
  return out;
}

std::string OptionsSection() {
  std::string out = ".SH OPTIONS\n";
  for (const Option<Settings>& option : Options()) {
    out += Item(FlagHead(option), option);
    if (option.reload == Reload::kReload) absl::StrAppend(&out, "SIGHUP applies a change.\n");
  }
  for (const auto& option : CommandLineOptions()) out += Item(FlagHead(option), option);
  return out + R"(.TP
\fB\-\-version\fR
Print the version and exit.
.TP
\fB\-h\fR, \fB\-\-help\fR
Print a summary of the options and exit.
)";
}

constexpr char kFile[] = R"(.SH CONFIGURATION FILE
\fB\-\-config\fR reads TOML. The keys are the names of the options, without dashes. A number is
written without quotes, a text in quotes, an option without a value as true or false. An option
that may be repeated, and \fBaddress\fR, takes a list. The command line adds to the file's lists
and replaces its other values.
.PP
Each table \fB[tenant.\fINAME\fB]\fR makes a tenant, with time\-limited credentials of its own.
\fINAME\fR is a DNS label in lower case, and not \fBdefault\fR: the tenant of that name is what the
options above make. Its keys:
)";

constexpr char kLimits[] = R"(.PP
Its limits stand in \fB[tenant.\fINAME\fB.limits]\fR, each at least 1; what is absent has no limit:
)";

constexpr char kExample[] = R"(.PP
An example:
.PP
.nf
interface = "eth1"
address = ["203.0.113.5", "2001:db8::5"]
realm = "example.org"
auth\-secret\-file = "/etc/causeway/secrets"
max\-allocations = 100000

[tenant.acme]
secrets = ["a secret of 16 bytes or more"]
deny\-peers = ["198.51.100.0/24"]
limits = { allocations = 500, kbps = 200000 }
.fi
)";

std::string SignalsSection() {
  std::vector<std::string> applied;
  for (const Option<Settings>& option : Options()) {
    if (option.reload == Reload::kReload) applied.push_back(Bold(option.name));
  }
  return absl::StrCat(R"(.SH SIGNALS
.TP
SIGHUP
Read the configuration file, and the files that options name, again, and apply what has changed of
)",
                      absl::StrJoin(applied, ", "), R"( and of the tenants.
Other changes are named in the log and take effect at the next start. A configuration with a mistake
changes nothing.
.TP
SIGINT, SIGTERM
Stop; the interface is as it was.
)");
}

constexpr char kStart[] = R"(.SH NAME
causewayd \- TURN media relay on DPDK
.SH SYNOPSIS
\fBcausewayd\fR \fB\-\-interface\fR \fINAME\fR \fB\-\-address\fR \fIA\fR[,\fIB\fR]
\fB\-\-realm\fR \fIREALM\fR \fB\-\-user\fR \fINAME:PASSWORD\fR [\fIOPTION\fR]...
.br
\fBcausewayd\fR \fB\-\-config\fR \fIFILE\fR [\fIOPTION\fR]...
.SH DESCRIPTION
\fBcausewayd\fR relays media for WebRTC and SIP clients as a TURN server (RFC 8656). Worker threads,
each on a CPU of its own, relay the packets of one interface; a further thread answers requests.
.PP
When it serves, it prints one line that begins "causewayd: ready" on standard output. Its log goes
to standard error.
)";

constexpr char kEnd[] = R"(.SH EXIT STATUS
0 after a stop, 1 when the start or \fB\-\-check\-config\fR fails, 2 for a mistake in the options.
An error is one line, "causewayd: error: ...", which says what to do about it.
.SH SEE ALSO
.BR ip (8),
.BR ethtool (8)
)";

}  // namespace

std::string ManualPage() {
  return absl::StrCat(".TH CAUSEWAYD 8 \"\" \"Causeway " CAUSEWAY_VERSION
                      "\" \"System Administration\"\n",
                      kStart, OptionsSection(), kFile, Keys(TenantOptions()), kLimits,
                      Keys(TenantLimitOptions()), kExample, SignalsSection(), kEnd);
}

}  // namespace causeway::config
