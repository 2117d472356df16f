#include "perf/gen/profile.h"

#include <gtest/gtest.h>

#include <map>

namespace causeway::gen {
namespace {

constexpr uint16_t kIpv4ChannelData = 32;

TEST(Profile, FixedIsAlwaysTheSame) {
  const Profile profile = Profile::Fixed(200);
  EXPECT_EQ(profile.Size(0, 0), 200);
  EXPECT_EQ(profile.Size(77, ~uint64_t{0}), 200);
  EXPECT_EQ(profile.name(), "");
  EXPECT_EQ(profile.mean(), 200);
}

TEST(Profile, ImixIsSevenFourOne) {
  const Profile profile = *Profile::Named("imix", kIpv4ChannelData);
  std::map<uint16_t, int> counts;
  for (const uint16_t size : profile.sizes()) ++counts[size];
  EXPECT_EQ(counts, (std::map<uint16_t, int>{{32, 7}, {544, 4}, {1468, 1}}));
  EXPECT_EQ(profile.largest() + kIpv4ChannelData, 1500);
}

TEST(Profile, ImixFitsTheLargestHeaders) {
  const Profile profile = *Profile::Named("imix", 127);
  EXPECT_EQ(profile.largest(), 1500 - 127);
}

TEST(Profile, AllSizesHoldAStampAndFit) {
  for (const char* name : {"imix", "voice", "video"}) {
    const Profile profile = *Profile::Named(name, 160);
    EXPECT_EQ(profile.name(), name);
    for (const uint16_t size : profile.sizes()) {
      EXPECT_GE(size, kMinPayload) << name;
      EXPECT_LE(size + 160, kMtu) << name;
    }
  }
}

TEST(Profile, AFlowGoesThroughAllSizes) {
  const Profile profile = *Profile::Named("imix", kIpv4ChannelData);
  for (const uint32_t flow : {0u, 1u, 24u}) {
    double sum = 0;
    for (uint64_t i = 0; i < profile.sizes().size(); ++i) sum += profile.Size(flow, i);
    EXPECT_DOUBLE_EQ(sum / static_cast<double>(profile.sizes().size()), profile.mean());
  }
  EXPECT_NE(profile.Size(0, 0), profile.Size(1, 0));
}

TEST(Profile, VoiceIsG711) { EXPECT_EQ(Profile::Named("voice", 32)->Size(0, 0), 172); }

TEST(Profile, VideoIsAFewMegabitsASecond) {
  const Profile profile = *Profile::Named("video", 32);
  const double pictures = 4;
  const double bytes = profile.mean() * static_cast<double>(profile.sizes().size());
  const double megabits = bytes / pictures * 30 * 8 / 1e6;
  EXPECT_GT(megabits, 2.0);
  EXPECT_LT(megabits, 2.5);
}

TEST(Profile, NamesThoseThatThereAre) {
  const auto profile = Profile::Named("audio", 32);
  ASSERT_FALSE(profile.ok());
  EXPECT_EQ(profile.status().message(), "no such profile: take imix, voice or video");
}

}  // namespace
}  // namespace causeway::gen
