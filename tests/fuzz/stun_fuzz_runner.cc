// Runs stun_parse_fuzz.cc without libFuzzer: every size from 0 to 1600 bytes at random, and
// published messages mutated, the same ones each time.
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "control/stun/message.h"
#include "dataplane/byte_order.h"
#include "tests/control/stun/vectors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace causeway {
namespace {

constexpr size_t kMaxSize = 1600;
constexpr int kMutants = 4000;  // of each seed

using Datagram = std::vector<uint8_t>;

class Mutator {
 public:
  size_t Below(size_t bound) { return random_() % bound; }

  Datagram RandomBytes(size_t size) {
    Datagram out(size);
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(random_());
    return out;
  }

  Datagram Mutated(Datagram datagram) {
    for (size_t times = 1 + Below(4); times > 0; --times) Mutate(datagram);
    if (datagram.size() > kMaxSize) datagram.resize(kMaxSize);
    return datagram;
  }

 private:
  void Mutate(Datagram& d) {
    if (d.empty()) d.push_back(0);
    const size_t at = Below(d.size());
    const auto place = d.begin() + static_cast<ptrdiff_t>(at);
    switch (Below(6)) {
      case 0:
        d[at] ^= static_cast<uint8_t>(1 << Below(8));
        break;
      case 1:
        d[at] = static_cast<uint8_t>(random_());
        break;
      case 2:
        d.resize(at);
        break;
      case 3: {
        const Datagram more = RandomBytes(Below(64));
        d.insert(place, more.begin(), more.end());
        break;
      }
      case 4:
        InsertAttribute(d);
        break;
      case 5: {  // doubles what follows
        const Datagram tail(place, d.end());
        d.insert(d.end(), tail.begin(), tail.end());
        break;
      }
    }
  }

  void InsertAttribute(Datagram& d) {
    static constexpr uint16_t kTypes[] = {0x0006, 0x0008, 0x0009, 0x000a, 0x000c, 0x000d, 0x0012,
                                          0x0013, 0x0014, 0x0015, 0x0016, 0x0017, 0x0018, 0x0019,
                                          0x001a, 0x001c, 0x001d, 0x001e, 0x0020, 0x0022, 0x7abc,
                                          0x8000, 0x8002, 0x8004, 0x8022, 0x8028};
    static constexpr uint8_t kSizes[] = {0, 1, 2, 4, 5, 8, 16, 20, 32, 33};
    const size_t size = kSizes[Below(std::size(kSizes))];
    Datagram attribute = RandomBytes(4 + ((size + 3) & ~size_t{3}));
    StoreBe16(&attribute[0], kTypes[Below(std::size(kTypes))]);
    StoreBe16(&attribute[2], static_cast<uint16_t>(size));
    if (size != 0) attribute[4] = 0;
    if (size > 1) attribute[5] = static_cast<uint8_t>(1 + Below(3));
    size_t at = stun::kHeaderSize;
    while (at + 4 <= d.size() && Below(3) != 0) {
      at += 4 + ((LoadBe16(&d[at + 2]) + size_t{3}) & ~size_t{3});
    }
    d.insert(d.begin() + static_cast<ptrdiff_t>(std::min(at, d.size())), attribute.begin(),
             attribute.end());
  }

  std::mt19937_64 random_{20261122};
};

int Run() {
  Mutator mutator;
  for (size_t size = 0; size <= kMaxSize; ++size) {
    const Datagram datagram = mutator.RandomBytes(size);
    LLVMFuzzerTestOneInput(datagram.data(), datagram.size());
  }
  size_t parsed = 0;
  for (const char* hex : {stun::kRequest5769, stun::kIpv4Response5769, stun::kIpv6Response5769,
                          stun::kLongTerm5769, stun::kLongTerm8489, stun::kPrinted8489}) {
    for (int i = 0; i < kMutants; ++i) {
      const Datagram datagram = mutator.Mutated(stun::Hex(hex));
      LLVMFuzzerTestOneInput(datagram.data(), datagram.size());
      stun::Message message;
      parsed += message.Parse(datagram);
    }
  }
  std::printf("%zu mutants were still messages\n", parsed);
  return parsed > 0 ? 0 : 1;
}

}  // namespace
}  // namespace causeway

int main() { return causeway::Run(); }
