// Properties that hold for every datagram. libFuzzer's entry point; stun_fuzz_runner.cc calls it
// too.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "control/auth/authenticator.h"
#include "control/auth/keys.h"
#include "control/stun/fingerprint.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "dataplane/byte_order.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace causeway {
namespace {

using stun::Attribute;
using stun::AttributeView;
using stun::Bytes;
using stun::Message;

constexpr uint64_t kNow = 1'700'000'000;

void Require(bool condition, const char* property) {
  if (condition) return;
  std::fprintf(stderr, "broken property: %s\n", property);
  std::abort();
}

bool IsSeal(Attribute type) {
  return type == Attribute::kMessageIntegrity || type == Attribute::kMessageIntegritySha256 ||
         type == Attribute::kFingerprint;
}

void CheckViews(const Message& message) {
  const Bytes datagram = message.datagram();
  size_t last = 0;
  for (const AttributeView& a : message.attributes()) {
    Require(a.offset > last && a.offset % 4 == 0, "attributes come in order");
    Require(a.value.data() == datagram.data() + a.offset + 4, "values follow their headers");
    Require(a.offset + 4 + a.value.size() <= datagram.size(), "values lie in the datagram");
    Require(message.Has(a.type), "what is listed is found");
    last = a.offset;
    (void)stun::DecodeU32(a);
    (void)stun::DecodeChannelNumber(a);
    (void)stun::DecodeRequestedTransport(a);
    (void)stun::DecodeFamily(a);
    (void)stun::DecodeEvenPort(a);
    (void)stun::DecodeReservationToken(a);
    if (const auto address = stun::DecodeXorAddress(a, message.transaction_id())) {
      Require(address->mapped_in_v6 == (address->family != address->endpoint.address.family()),
              "a mapped address is told");
    }
  }
  const Attribute known[] = {Attribute::kUsername, Attribute::kMessageIntegrity};
  Attribute unknown[4];
  const int count = message.UnknownRequired(known, unknown, 4);
  Require(count >= 0 && count <= 4, "unknown attributes fit");
}

std::vector<uint8_t> Encode(const Message& message) {
  std::vector<uint8_t> out(message.datagram().size());
  stun::Writer writer(absl::MakeSpan(out), message.message_class(), message.method(),
                      message.transaction_id());
  for (const AttributeView& a : message.attributes()) {
    if (a.type == Attribute::kFingerprint) {
      writer.AddFingerprint();
    } else {
      writer.AddBytes(a.type, a.value);
    }
  }
  Require(!writer.overflow(), "the encoding is no longer than the original");
  out.resize(writer.message().size());
  return out;
}

void CheckEncoding(const Message& message) {
  const std::vector<uint8_t> encoded = Encode(message);
  Message again;
  Require(again.Parse(encoded), "the encoding parses");
  Require(again.message_class() == message.message_class() && again.method() == message.method() &&
              again.transaction_id() == message.transaction_id(),
          "the header comes back");
  Require(again.attributes().size() == message.attributes().size(), "all attributes come back");
  for (size_t i = 0; i < message.attributes().size(); ++i) {
    const AttributeView& a = message.attributes()[i];
    const AttributeView& b = again.attributes()[i];
    Require(a.type == b.type, "types come back");
    Require(a.value == b.value || a.type == Attribute::kFingerprint, "values come back");
  }
  Require(Encode(again) == encoded, "the encoding is stable");
}

auth::Authenticator& Server() {
  static const std::unique_ptr<auth::Authenticator> server = [] {
    auth::AuthConfig config;
    config.realm = "example.org";
    config.users = {{"alice", "secret"}};
    config.secrets = {"shared"};
    config.nonce_key.assign(32, 7);
    return *auth::Authenticator::Create(config);
  }();
  return *server;
}

void CheckSigned(const Message& message, const Endpoint& client) {
  static const auto keys = *auth::DeriveKeys("alice", "example.org", "secret");
  std::vector<uint8_t> buffer(message.datagram().size() + 300);
  stun::Writer writer(absl::MakeSpan(buffer), message.message_class(), message.method(),
                      message.transaction_id());
  writer.AddText(Attribute::kUsername, "alice");
  Server().AddChallenge(writer, client, kNow);
  size_t count = 8;
  bool chooses = false;
  for (const AttributeView& a : message.attributes()) {
    if (IsSeal(a.type) || a.type == Attribute::kPasswordAlgorithms) continue;
    if (++count > size_t{Message::kMaxAttributes}) break;
    chooses = chooses || a.type == Attribute::kPasswordAlgorithm;
    writer.AddBytes(a.type, a.value);
  }
  if (!chooses) writer.AddU32(Attribute::kPasswordAlgorithm, 0x00020000);
  writer.AddIntegrity(Attribute::kMessageIntegrity, keys.sha256.view());
  writer.AddIntegrity(Attribute::kMessageIntegritySha256, keys.sha256.view());
  writer.AddFingerprint();
  if (writer.overflow()) return;  // past the length field's range

  Message request;
  Require(request.Parse(writer.message()), "what is signed parses");
  Require(request.IntegrityMatches(Attribute::kMessageIntegrity, keys.sha256.view()) &&
              request.IntegrityMatches(Attribute::kMessageIntegritySha256, keys.sha256.view()),
          "what is signed verifies");
  const auth::AuthResult result = Server().Check(request, client, kNow);
  Require(result.ok() || chooses, "who signs gets in");
}

void CheckDatagram(Bytes datagram) {
  const Endpoint client = {IpAddress::V4(0xC0000201), 40000};
  Message message;
  if (!message.Parse(datagram)) {
    Require(message.attributes().empty(), "what is no message has no attributes");
    return;
  }
  CheckViews(message);
  CheckEncoding(message);
  Require(!Server().Check(message, client, kNow).ok(), "nobody gets in without a password");
  CheckSigned(message, client);
}

// Makes a well-formed message of most datagrams: random bytes would rarely be one.
void PutRight(std::vector<uint8_t>& d) {
  d.resize(d.size() & ~size_t{3});
  d.shrink_to_fit();  // so that AddressSanitizer sees any read beyond
  d[0] &= 0x3f;
  StoreBe16(&d[2], static_cast<uint16_t>(d.size() - stun::kHeaderSize));
  StoreBe32(&d[4], stun::kMagicCookie);
  for (size_t at = stun::kHeaderSize; at < d.size();) {
    const size_t left = d.size() - at - 4;
    if (LoadBe16(&d[at + 2]) > left) StoreBe16(&d[at + 2], static_cast<uint16_t>(left));
    const size_t size = LoadBe16(&d[at + 2]);
    if (LoadBe16(&d[at]) == static_cast<uint16_t>(Attribute::kFingerprint)) {
      if (size == 4 && left == 4) {
        StoreBe32(&d[at + 4], stun::FingerprintOf({d.data(), at}));
      } else {
        StoreBe16(&d[at], static_cast<uint16_t>(Attribute::kSoftware));
      }
    }
    at += 4 + ((size + 3) & ~size_t{3});
  }
}

}  // namespace
}  // namespace causeway

// Checks the datagram as it is, and again put right.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> datagram(data, data + size);
  causeway::CheckDatagram(datagram);
  if (size < causeway::stun::kHeaderSize || size > 0xffff) return 0;
  causeway::PutRight(datagram);
  causeway::CheckDatagram(datagram);
  return 0;
}
