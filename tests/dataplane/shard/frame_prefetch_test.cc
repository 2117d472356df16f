// Where the headers of a frame are fetched from before its mbuf is read.
#include "dataplane/shard/frame_prefetch.h"

#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kAfXdpHeadroom = 384;

class FramePrefetchTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    prefetch_.Start(configs_[0].pool);
    ASSERT_EQ(rte_pktmbuf_alloc_bulk(configs_[0].pool, frames_, 2), 0);
  }
  void TearDown() override {
    rte_pktmbuf_free_bulk(frames_, 2);
    NodeTest::TearDown();
  }
  uint8_t* DataOf(unsigned i) const { return rte_pktmbuf_mtod(frames_[i], uint8_t*); }

  FramePrefetch prefetch_;
  rte_mbuf* frames_[2];
};

TEST_F(FramePrefetchTest, BeginsWithTheUsualHeadroom) {
  EXPECT_EQ(prefetch_.HeadersOf(frames_[0]), DataOf(0));
}

TEST_F(FramePrefetchTest, FollowsTheHeadroomThatTheDriverLeaves) {
  for (const uint16_t headroom : {kAfXdpHeadroom, uint16_t{64}, uint16_t{RTE_PKTMBUF_HEADROOM}}) {
    frames_[0]->data_off = headroom;
    frames_[1]->data_off = headroom;
    prefetch_.Learn(frames_[0]);
    EXPECT_EQ(prefetch_.HeadersOf(frames_[1]), DataOf(1)) << headroom;
  }
}

// Beyond the first line, where IPv6's data begin.
TEST_F(FramePrefetchTest, ReachesTheDataOfTheFamilyThatCameLast) {
  DataOf(0)[12] = 0x86;
  prefetch_.Learn(frames_[0]);
  EXPECT_EQ(prefetch_.EndOfHeadersOf(frames_[1]), DataOf(1) + 62);
  DataOf(0)[12] = 0x08;
  prefetch_.Learn(frames_[0]);
  EXPECT_EQ(prefetch_.EndOfHeadersOf(frames_[1]), DataOf(1));
}

}  // namespace
}  // namespace causeway::testing
