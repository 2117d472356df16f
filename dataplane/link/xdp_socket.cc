#include "dataplane/link/xdp_socket.h"

#include <dlfcn.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/link/try_while_held.h"

struct xsk_ring_cons;
struct xsk_ring_prod;
struct xsk_socket;
struct xsk_socket_config;
struct xsk_umem;

namespace causeway {
namespace {

using Create = int(xsk_socket**, const char*, uint32_t, xsk_umem*, xsk_ring_cons*, xsk_ring_prod*,
                   const xsk_socket_config*);

std::string last_error;

// The driver has loaded it, or nobody would ask.
Create* CreateOfLibxdp() {
  void* const library = dlopen("libxdp.so.1", RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return nullptr;
  return reinterpret_cast<Create*>(dlsym(library, "xsk_socket__create"));
}

std::string SocketError(const char* interface, uint32_t queue, int error) {
  if (error == EBUSY) {
    return absl::StrCat("another AF_XDP socket holds queue ", queue, " of interface ", interface,
                        ": end the program that has it (ss --xdp -ap names it), or use another "
                        "interface");
  }
  return absl::StrCat("the kernel gives no AF_XDP socket on queue ", queue, " of interface ",
                      interface, ": ", std::strerror(error));
}

}  // namespace

std::string TakeXdpSocketError() { return std::exchange(last_error, {}); }

}  // namespace causeway

// libxdp can be asked again with the same packet memory.
extern "C" int xsk_socket__create(xsk_socket** made, const char* interface,  // NOLINT: its name
                                  uint32_t queue, xsk_umem* memory, xsk_ring_cons* receive,
                                  xsk_ring_prod* transmit, const xsk_socket_config* config) {
  static causeway::Create* const create = causeway::CreateOfLibxdp();
  if (create == nullptr) return -ENOSYS;
  const int error = causeway::TryWhileHeld(
      [&] { return create(made, interface, queue, memory, receive, transmit, config); },
      [](int result) { return result == -EBUSY; });
  causeway::last_error = error == 0 ? "" : causeway::SocketError(interface, queue, -error);
  return error;
}
