// Answers to requests.
#pragma once

#include <array>
#include <cstdint>

#include "control/auth/authenticator.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "control/turn/server.h"

namespace causeway::turn {

/// A request on its way through the server, valid during Server::HandleRequest.
struct Request {
  const ClientLeg& leg;  // that it came by: the answer leaves by it
  const stun::Message& message;
  Now now;
  const auth::AuthResult* credentials = nullptr;  // set once it is authenticated
};

/// Builds the answer to a request: the method and transaction id are the request's, and Finish adds
/// what the end of every answer has.
class Response {
 public:
  Response(const Request& request, stun::Class message_class);

  stun::Writer& writer() { return writer_; }
  /// Adds SOFTWARE where RFC 8656 section 5 asks for it (unless empty), the integrity that the
  /// request was authenticated with, and FINGERPRINT if the request had one. Empty when it did not
  /// all fit.
  stun::Bytes Finish(absl::string_view software);

 private:
  const Request& request_;
  std::array<uint8_t, 1400> buffer_;
  stun::Writer writer_;
};

}  // namespace causeway::turn
