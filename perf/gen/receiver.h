// What arrives: sorted, and given to whom it is for.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "perf/gen/host.h"
#include "perf/gen/port.h"
#include "perf/gen/traffic.h"

namespace causeway::gen {

/// Polls the port. Stamped payloads go to the load, STUN responses to who sent the request, frames
/// that are no UDP to the host; all else is ignored.
class Receiver {
 public:
  using Response = std::function<void(absl::Span<const uint8_t> datagram, uint64_t now)>;

  Receiver(Port& port, Host& host) : port_(port), host_(host) {}

  /// `traffic` may be nullptr: no load.
  void SetTraffic(Traffic* traffic) { traffic_ = traffic; }
  /// Who gets the responses whose transaction id ends in `tag`. Tags differ in their last byte.
  void AddSink(uint32_t tag, Response sink) { sinks_.push_back({tag, std::move(sink)}); }

  /// Takes what has arrived, some bursts at most; returns how many frames.
  unsigned Poll();

 private:
  struct Payload {
    UdpView view;
    const uint8_t* data;
    size_t size;
    Direction arrived;
  };
  struct Sink {
    uint32_t tag;
    Response response;
  };

  /// Tells ChannelData, Data indications and bare payloads apart. False: none of these.
  static bool Unwrap(Payload& payload);
  void Sort(const uint8_t* frame, size_t size, uint64_t now);
  void OnStun(const UdpView& view, uint64_t now);

  Port& port_;
  Host& host_;
  Traffic* traffic_ = nullptr;
  std::vector<Sink> sinks_;
  Payload payloads_[Port::kBurst];
  unsigned payload_count_ = 0;
};

}  // namespace causeway::gen
