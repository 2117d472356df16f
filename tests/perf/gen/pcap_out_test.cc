#include "perf/gen/pcap_out.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace causeway::gen {
namespace {

using ::testing::HasSubstr;

struct Packet {
  std::string bytes;
  int64_t microseconds;
};

std::vector<Packet> ReadAll(const std::string& path) {
  char error[PCAP_ERRBUF_SIZE];
  pcap_t* file = pcap_open_offline(path.c_str(), error);
  if (file == nullptr) {
    ADD_FAILURE() << error;
    return {};
  }
  EXPECT_EQ(pcap_datalink(file), DLT_EN10MB);
  std::vector<Packet> packets;
  pcap_pkthdr* header = nullptr;
  const u_char* data = nullptr;
  while (pcap_next_ex(file, &header, &data) == 1) {
    EXPECT_EQ(header->caplen, header->len);
    packets.push_back({std::string(reinterpret_cast<const char*>(data), header->caplen),
                       header->ts.tv_sec * 1'000'000 + header->ts.tv_usec});
  }
  pcap_close(file);
  return packets;
}

class PcapOutTest : public ::testing::Test {
 protected:
  PcapOutTest() {
    const int handle = mkstemp(path_.data());
    close(handle);
  }
  ~PcapOutTest() override { unlink(path_.c_str()); }
  std::string path_ = ::testing::TempDir() + "/pcap_out_XXXXXX";
};

TEST_F(PcapOutTest, WritesWhatLibpcapReads) {
  auto out = PcapOut::Open(path_, 10);
  ASSERT_TRUE(out.ok()) << out.status();
  (*out)->Write("first frame", 11, 0);
  (*out)->Write("second", 6, 1'234'567'890);
  EXPECT_EQ((*out)->written(), 2u);
  EXPECT_TRUE((*out)->Close().ok());
  const auto packets = ReadAll(path_);
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].bytes, "first frame");
  EXPECT_EQ(packets[0].microseconds, 0);
  EXPECT_EQ(packets[1].bytes, "second");
  EXPECT_EQ(packets[1].microseconds, 1'234'567);
}

TEST_F(PcapOutTest, StopsAtItsBound) {
  auto out = PcapOut::Open(path_, 2);
  ASSERT_TRUE(out.ok());
  EXPECT_FALSE((*out)->full());
  for (int i = 0; i < 5; ++i) (*out)->Write("x", 1, 0);
  EXPECT_TRUE((*out)->full());
  EXPECT_TRUE((*out)->Close().ok());
  EXPECT_EQ(ReadAll(path_).size(), 2u);
}

TEST_F(PcapOutTest, ClosesTwiceAndWritesNothingMore) {
  auto out = PcapOut::Open(path_, 2);
  ASSERT_TRUE(out.ok());
  EXPECT_TRUE((*out)->Close().ok());
  (*out)->Write("x", 1, 0);
  EXPECT_TRUE((*out)->Close().ok());
  EXPECT_EQ(ReadAll(path_).size(), 0u);
}

TEST_F(PcapOutTest, TheDestructorEndsTheFile) {
  {
    auto out = PcapOut::Open(path_, 2);
    ASSERT_TRUE(out.ok());
    (*out)->Write("x", 1, 0);
  }
  EXPECT_EQ(ReadAll(path_).size(), 1u);
}

TEST(PcapOut, NamesTheFileThatItCannotWrite) {
  const auto out = PcapOut::Open("/nowhere/at/all.pcap", 2);
  ASSERT_FALSE(out.ok());
  EXPECT_THAT(std::string(out.status().message()),
              HasSubstr("--pcap-out /nowhere/at/all.pcap: No such file or directory: give"));
}

TEST(PcapOut, SaysWhenTheDiskIsFull) {
  auto out = PcapOut::Open("/dev/full", 100'000);
  ASSERT_TRUE(out.ok()) << out.status();
  const std::string frame(1000, 'x');
  for (int i = 0; i < 100; ++i) (*out)->Write(frame.data(), 1000, 0);
  const absl::Status status = (*out)->Close();
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("--pcap-out /dev/full: "));
}

}  // namespace
}  // namespace causeway::gen
