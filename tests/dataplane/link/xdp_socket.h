// An AF_XDP socket by hand, without a program: it holds its queue until it is closed.
#pragma once

#include <linux/if_xdp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "dataplane/link/unique_fd.h"

namespace causeway {

class XdpSocket {
 public:
  /// In the calling thread's network namespace. error() is 0 when it has the queue.
  XdpSocket(int ifindex, unsigned queue)
      : memory_(mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)),
        fd_(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    xdp_umem_reg umem = {};
    umem.addr = reinterpret_cast<uintptr_t>(memory_);
    umem.len = kBytes;
    umem.chunk_size = kBytes;
    const int entries = 4;
    sockaddr_xdp address = {};
    address.sxdp_family = AF_XDP;
    address.sxdp_flags = XDP_COPY;
    address.sxdp_ifindex = static_cast<uint32_t>(ifindex);
    address.sxdp_queue_id = queue;
    const bool bound = Set(XDP_UMEM_REG, &umem, sizeof(umem)) &&
                       Set(XDP_UMEM_FILL_RING, &entries, sizeof(entries)) &&
                       Set(XDP_UMEM_COMPLETION_RING, &entries, sizeof(entries)) &&
                       Set(XDP_RX_RING, &entries, sizeof(entries)) &&
                       bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    error_ = bound ? 0 : errno;
  }
  ~XdpSocket() { munmap(memory_, kBytes); }
  XdpSocket(const XdpSocket&) = delete;
  XdpSocket& operator=(const XdpSocket&) = delete;

  int error() const { return error_; }

 private:
  static constexpr size_t kBytes = 4096;

  bool Set(int option, const void* value, socklen_t size) {
    return setsockopt(fd_.get(), SOL_XDP, option, value, size) == 0;
  }

  void* memory_;
  UniqueFd fd_;
  int error_ = 0;
};

}  // namespace causeway
