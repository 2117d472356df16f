#include "control/turn/response.h"

namespace causeway::turn {

Response::Response(const Request& request, stun::Class message_class)
    : request_(request),
      writer_(absl::MakeSpan(buffer_), message_class, request.message.method(),
              request.message.transaction_id()) {}

stun::Bytes Response::Finish(absl::string_view software) {
  const stun::Method method = request_.message.method();
  const bool wants_software = method == stun::Method::kAllocate || method == stun::Method::kRefresh;
  // Strangers get no more bytes than they need (see "Denial of service" in the security notes).
  if (request_.credentials != nullptr && wants_software && !software.empty()) {
    writer_.AddText(stun::Attribute::kSoftware, software);
  }
  if (request_.credentials != nullptr) {
    writer_.AddIntegrity(request_.credentials->integrity, *request_.credentials->key);
  }
  if (request_.message.Has(stun::Attribute::kFingerprint)) writer_.AddFingerprint();
  return writer_.overflow() ? stun::Bytes() : writer_.message();
}

}  // namespace causeway::turn
