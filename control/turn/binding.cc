#include "control/turn/server_impl.h"

namespace causeway::turn {

void Server::Impl::HandleBinding(const Request& request) {
  if (RefuseUnknownAttributes(request)) return;
  Response response(request, stun::Class::kSuccess);
  response.writer().AddXorAddress(stun::Attribute::kXorMappedAddress, request.leg.tuple.client);
  Send(request, response);
}

}  // namespace causeway::turn
