// Published STUN messages, for tests and as seeds for fuzzing.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace causeway::stun {

/// Bytes from hexadecimal text; spaces are skipped.
inline std::vector<uint8_t> Hex(absl::string_view text) {
  const std::string bytes = absl::HexStringToBytes(absl::StrReplaceAll(text, {{" ", ""}}));
  return {bytes.begin(), bytes.end()};
}

// RFC 5769 section 2.1: short-term password, padding of blanks.
inline constexpr char kRequest5769[] =
    "00010058 2112a442 b7e7a701 bc34d686 fa87dfae"
    "80220010 5354554e 20746573 7420636c 69656e74"           // SOFTWARE
    "00240004 6e0001ff"                                      // PRIORITY
    "80290008 932ff9b1 51263b36"                             // ICE-CONTROLLED
    "00060009 6576746a 3a683676 59202020"                    // USERNAME
    "00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2"  // MESSAGE-INTEGRITY
    "80280004 e57a3bcf";                                     // FINGERPRINT
// RFC 5769 section 2.2.
inline constexpr char kIpv4Response5769[] =
    "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae"
    "8022000b 74657374 20766563 746f7220"
    "00200008 0001a147 e112a643"
    "00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7"
    "80280004 c07d4c96";
// RFC 5769 section 2.3.
inline constexpr char kIpv6Response5769[] =
    "01010048 2112a442 b7e7a701 bc34d686 fa87dfae"
    "8022000b 74657374 20766563 746f7220"
    "00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9"
    "00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41"
    "80280004 c8fb0b4c";
// RFC 5769 section 2.4: long-term credential.
inline constexpr char kLongTerm5769[] =
    "00010060 2112a442 78ad3433 c6ad72c0 29da412e"
    "00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000"
    "0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341"
    "0014000b 6578616d 706c652e 6f726700"
    "00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666";

inline constexpr char kShortTermPassword5769[] = "VOkJxbRl1RmTxUk/WvJxBt";
inline constexpr char kUsername5769[] = "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9";
inline constexpr char kPassword5769[] = "TheMatrIX";  // after SASLprep
inline constexpr char kRealm5769[] = "example.org";
inline constexpr char kNonce5769[] = "f//499k954d6OL34oL9FSTvy64sA";
inline constexpr char kNonce8489[] = "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA";

// RFC 8489 appendix B.1 as erratum 6268 (verified) corrects it: with PASSWORD-ALGORITHM, which the
// text had forgotten, and a length that is right.
inline constexpr char kLongTerm8489[] =
    "00010090 2112a442 78ad3433 c6ad72c0 29da412e"
    "001e0020 4a3cf38f ef6992bd a952c678 0417da0f 24819415 569e60b2 05c46e41 407f1704"
    "00150029 6f624d61 744a6f73 32414141 43662f2f 3439396b 39353464 364f4c33 346f4c39"
    "         46535476 79363473 41000000"
    "0014000b 6578616d 706c652e 6f726700"
    "001d0004 00020000"
    "001c0020 b5c7bf00 5b6c52a2 1c51c5e8 92f81924 136296cb 927c4314 9309278c c6518e65";
// The same as printed in RFC 8489: it says a length of 0x9c where 0x88 follow.
inline constexpr char kPrinted8489[] =
    "0001009c 2112a442 78ad3433 c6ad72c0 29da412e"
    "001e0020 4a3cf38f ef6992bd a952c678 0417da0f 24819415 569e60b2 05c46e41 407f1704"
    "00150029 6f624d61 744a6f73 32414141 43662f2f 3439396b 39353464 364f4c33 346f4c39"
    "         46535476 79363473 41000000"
    "0014000b 6578616d 706c652e 6f726700"
    "001c0020 e4686c8f 0edeb590 13e07090 010a93ef ccbccc54 4c0a45d9 f830aa6d 6f735a01";

}  // namespace causeway::stun
