#include "control/config/options.h"

#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control/config/given.h"

namespace causeway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kSecret[] = "0123456789abcdef";

TEST(Options, HaveNamesOfTheirOwnAndHelp) {
  std::set<std::string> names;
  const auto check = [&](const auto& option) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name;
    EXPECT_STRNE(option.help, "") << option.name;
    EXPECT_EQ(option.field.kind == OptionKind::kFlag, std::string(option.value).empty());
  };
  for (const auto& option : Options()) check(option);
  for (const auto& option : CommandLineOptions()) check(option);
  names.clear();
  for (const auto& option : TenantOptions()) check(option);
  for (const auto& option : TenantLimitOptions()) check(option);
}

TEST(Options, TakeBackWhatTheyWrite) {
  const Texts given = {{"interface", {"eth1"}},
                       {"address", {"203.0.113.5/24,2001:db8::5"}},
                       {"port", {"3479"}},
                       {"realm", {"example.org"}},
                       {"user", {"alice:a:b", "bob:c"}},
                       {"auth-secret", {"new", "old"}},
                       {"relay-address", {"198.51.100.0/28", "2001:db8:1::/64"}},
                       {"relay-ports", {"20000-29999"}},
                       {"max-allocations", {"5000"}},
                       {"end-with-credential", {""}},
                       {"no-hairpin", {""}},
                       {"workers", {"3"}},
                       {"log-level", {"warning"}}};
  auto settings = ReadSettings(Given(given));
  ASSERT_TRUE(settings.ok()) << settings.status();
  for (const auto& [name, texts] : given) {
    const auto written = LookUpOption(Options(), name)->field.write(*settings);
    if (name == "address") {
      EXPECT_THAT(written, ElementsAre("203.0.113.5/24", "2001:db8::5"));
    } else {
      EXPECT_EQ(written, texts) << name;
    }
  }
}

TEST(Redact, LeavesTheNameBeforeTheColon) {
  EXPECT_EQ(Redact(Secret::kNothing, "a:b"), "a:b");
  EXPECT_EQ(Redact(Secret::kAll, "a:b"), "***");
  EXPECT_EQ(Redact(Secret::kAfterColon, "a:b:c"), "a:***");
  EXPECT_EQ(Redact(Secret::kAfterColon, "hunter2"), "***");
}

Settings Read(const Texts& changes) {
  Texts texts = {{"interface", {"eth1"}},
                 {"address", {"203.0.113.5"}},
                 {"realm", {"example.org"}},
                 {"user", {"alice:secret"}}};
  for (const auto& [name, values] : changes) texts[name] = values;
  auto settings = ReadSettings(Given(texts));
  EXPECT_TRUE(settings.ok()) << settings.status();
  return *std::move(settings);
}

TEST(ChangedAtStartOnly, NamesWhatSighupDoesNotApply) {
  EXPECT_THAT(ChangedAtStartOnly(Read({}), Read({})), IsEmpty());
  EXPECT_THAT(ChangedAtStartOnly(Read({}), Read({{"workers", {"2"}},
                                                 {"address", {"203.0.113.6"}},
                                                 {"max-lifetime", {"7200"}},
                                                 {"end-with-credential", {""}},
                                                 {"log-level", {"debug"}}})),
              ElementsAre("address", "max-lifetime", "workers", "log-level"));
  EXPECT_THAT(ChangedAtStartOnly(Read({{"max-allocations", {"5"}}}), Read({})),
              ElementsAre("max-allocations"));
}

TEST(ChangedAtStartOnly, LeavesOutWhatSighupApplies) {
  EXPECT_THAT(ChangedAtStartOnly(Read({}), Read({{"user", {"bob:word"}},
                                                 {"auth-secret", {"s"}},
                                                 {"realm", {"example.net"}},
                                                 {"allow-peer", {"10.0.0.0/8"}},
                                                 {"deny-peer", {"192.0.2.0/24"}},
                                                 {"no-hairpin", {""}}})),
              IsEmpty());
}

TEST(ChangedAtStartOnly, ComparesMeaningsNotTexts) {
  EXPECT_THAT(
      ChangedAtStartOnly(
          Read({}), Read({{"port", {"3478"}}, {"relay-ports", {"49152-65535"}}, {"stats", {"0"}}})),
      IsEmpty());
  EXPECT_THAT(ChangedAtStartOnly(Read({{"address", {"2001:db8::5"}}}),
                                 Read({{"address", {"2001:db8:0::5"}}})),
              IsEmpty());
}

TenantValues Tenant(const std::string& name, const Texts& options, const Texts& limits = {}) {
  return {name, "c.toml:7: ", Given(options), Given(limits)};
}

std::string TenantError(const TenantValues& tenant) {
  const std::vector<TenantValues> tenants = {tenant};
  const auto settings = ReadSettings({}, tenants);
  EXPECT_FALSE(settings.ok());
  return std::string(settings.status().message());
}

TEST(Tenants, TakeEveryOption) {
  const std::vector<TenantValues> given = {
      Tenant("acme-2",
             {{"secrets", {"new 0123456789abcdef", "old 0123456789abcdef"}},
              {"allow-peers", {"10.0.0.0/8", "fd00::/8"}},
              {"deny-peers", {"198.51.100.7"}},
              {"end-with-credential", {""}}},
             {{"allocations", {"500"}},
              {"allocations-per-user", {"5"}},
              {"kbps", {"200000"}},
              {"packets-per-second", {"1000000000"}}}),
      Tenant("b", {{"secrets", {kSecret}}})};
  const auto settings = ReadSettings({}, given);
  ASSERT_TRUE(settings.ok()) << settings.status();
  ASSERT_EQ(settings->tenants.size(), 2u);
  const TenantConfig& acme = settings->tenants[0];
  EXPECT_EQ(acme.name, "acme-2");
  EXPECT_THAT(acme.secrets, ElementsAre("new 0123456789abcdef", "old 0123456789abcdef"));
  EXPECT_THAT(acme.allow_peers,
              ElementsAre(*Prefix::Parse("10.0.0.0/8"), *Prefix::Parse("fd00::/8")));
  EXPECT_THAT(acme.deny_peers, ElementsAre(*Prefix::Parse("198.51.100.7")));
  EXPECT_TRUE(acme.end_with_credential);
  EXPECT_EQ(acme.limits.allocations, 500u);
  EXPECT_EQ(acme.limits.allocations_per_user, 5u);
  EXPECT_EQ(acme.limits.kbps, 200'000u);
  EXPECT_EQ(acme.limits.packets_per_second, 1'000'000'000u);
  const TenantConfig& other = settings->tenants[1];
  EXPECT_FALSE(other.end_with_credential);
  EXPECT_EQ(other.limits.allocations, std::nullopt);
  EXPECT_EQ(other.limits.kbps, std::nullopt);
}

TEST(Tenants, AreNamedByDnsLabels) {
  const std::string rule =
      "the name is a DNS label: 1 to 63 lower-case letters, digits and hyphens, with no hyphen at "
      "either end";
  for (const std::string& name :
       {std::string(), std::string("Acme"), std::string("-a"), std::string("a-"),
        std::string("a.b"), std::string("a_b"), std::string("\xc3\xa4"), std::string(64, 'a')}) {
    EXPECT_EQ(TenantError(Tenant(name, {{"secrets", {kSecret}}})),
              "c.toml:7: [tenant." + name + "]: " + rule);
  }
  const std::vector<TenantValues> longest = {
      Tenant(std::string(63, 'a'), {{"secrets", {kSecret}}})};
  EXPECT_TRUE(ReadSettings({}, longest).ok());
}

TEST(Tenants, AreNeverTheDefaultOne) {
  EXPECT_EQ(TenantError(Tenant("default", {{"secrets", {kSecret}}})),
            "c.toml:7: [tenant.default]: the tenant default is what --auth-secret and the node's "
            "own options make");
}

TEST(Tenants, HaveOneToFourSecretsOf16To256Bytes) {
  EXPECT_EQ(TenantError(Tenant("acme", {})),
            "c.toml:7: [tenant.acme]: secrets are missing: give 1 to 4, the newest first");
  EXPECT_EQ(TenantError(Tenant("acme", {{"secrets", std::vector<std::string>(5, kSecret)}})),
            "--tenant.acme.secrets: 5 secrets; at most 4");
  EXPECT_EQ(TenantError(Tenant("acme", {{"secrets", {kSecret, "hunter2"}}})),
            "--tenant.acme.secrets, value 2: 7 bytes; must be 16 to 256");
  EXPECT_EQ(TenantError(Tenant("acme", {{"secrets", {std::string(257, 'x')}}})),
            "--tenant.acme.secrets, value 1: 257 bytes; must be 16 to 256");
  const std::vector<TenantValues> four = {
      Tenant("acme", {{"secrets", {kSecret, kSecret, kSecret, std::string(256, 'x')}}})};
  EXPECT_TRUE(ReadSettings({}, four).ok());
}

TEST(Tenants, SayWhatIsWrongWhere) {
  TenantValues tenant = Tenant("acme", {{"secrets", {kSecret}}});
  tenant.limits["kbps"] = {{"0", "c.toml:9: "}};
  EXPECT_EQ(TenantError(tenant),
            "c.toml:9: tenant.acme.limits.kbps 0: must be a whole number from 1 to 1000000000");
  tenant.limits.clear();
  tenant.options["deny-peers"] = {{"10.0.0.1/8", "c.toml:8: "}};
  EXPECT_EQ(TenantError(tenant),
            "c.toml:8: tenant.acme.deny-peers '10.0.0.1/8' has host bits set; did you mean "
            "10.0.0.0/8?");
  tenant.options["secrets"] = {{"hunter2", "c.toml:8: "}};
  EXPECT_THAT(TenantError(tenant), Not(HasSubstr("hunter2")));
  EXPECT_THAT(TenantError(tenant), HasSubstr("c.toml:8: tenant.acme.secrets, value 1: 7 bytes"));
}

}  // namespace
}  // namespace causeway::config
