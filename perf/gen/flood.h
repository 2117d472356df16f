// Floods of requests beside the load.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "perf/gen/credentials.h"
#include "perf/gen/host.h"
#include "perf/gen/options.h"
#include "perf/gen/pacer.h"
#include "perf/gen/report.h"
#include "perf/gen/turn_client.h"

namespace causeway::gen {

/// Sends requests from Options::flood_clients five-tuples, at a rate or so many in flight. One
/// thread.
class FloodDriver {
 public:
  struct Config {
    uint32_t tag = 0;  // of its transactions
    uint64_t tsc_hz = 0;
  };
  static std::unique_ptr<FloodDriver> Create(const Options& options, const Config& config,
                                             Credentials& credentials, Host& host);
  virtual ~FloodDriver() = default;

  virtual void Begin(uint64_t now) = 0;
  /// Sends what is due; returns how many requests.
  virtual unsigned Tick(uint64_t now) = 0;
  virtual void OnResponse(absl::Span<const uint8_t> datagram, uint64_t now) = 0;
  /// Begins nothing new; Tick and OnResponse finish what is under way.
  virtual void Stop(uint64_t now) = 0;
  /// Nothing is under way: no answer may still come.
  virtual bool quiet() const = 0;
  virtual FloodResult Result() const = 0;
  /// For the progress line: " flood_…=…".
  virtual std::string ProgressText() const = 0;
  /// Why the flood as a whole is a failure, or empty.
  virtual std::string Problem() const = 0;
};

/// Requests without credentials, and garbage: sent and forgotten, answers counted.
class RequestFlood : public FloodDriver {
 public:
  RequestFlood(const Options& options, const Config& config, Host& host);
  void Begin(uint64_t now) override;
  unsigned Tick(uint64_t now) override;
  void OnResponse(absl::Span<const uint8_t> datagram, uint64_t now) override;
  void Stop(uint64_t now) override;
  bool quiet() const override { return waiting_ == 0; }
  FloodResult Result() const override;
  std::string ProgressText() const override;
  std::string Problem() const override;

 private:
  struct Sent {
    uint64_t at = 0;
    uint32_t serial = 0;
    bool waits = false;
  };
  static constexpr uint32_t kRing = 1 << 18;  // the latest requests, whose answers are known

  void ExpireOld(uint64_t now);
  void SendNext(uint64_t now);
  size_t WriteGarbage(absl::Span<uint8_t> buffer);

  const Options& options_;
  const Config config_;
  Host& host_;
  Pacer pacer_;
  std::vector<Sent> ring_;
  uint32_t head_ = 0;  // serial of the next request
  uint32_t tail_ = 0;  // of the oldest that may wait
  uint32_t waiting_ = 0;
  uint64_t random_ = 0x9e3779b97f4a7c15;
  bool running_ = false;
  uint64_t began_ = 0;
  uint64_t ended_ = 0;
  FloodResult result_;
  Histogram latency_;
};

/// Cycles of Allocate with credentials and Refresh with lifetime 0; nonces are used again.
class CycleFlood : public FloodDriver, private ProgramListener {
 public:
  CycleFlood(const Options& options, const Config& config, Credentials& credentials, Host& host);
  void Begin(uint64_t now) override;
  unsigned Tick(uint64_t now) override;
  void OnResponse(absl::Span<const uint8_t> datagram, uint64_t now) override;
  void Stop(uint64_t now) override;
  bool quiet() const override { return clients_.busy() == 0; }
  FloodResult Result() const override { return result_; }
  std::string ProgressText() const override;
  std::string Problem() const override;

 private:
  void OnDone(uint32_t client, Program program, uint64_t now) override;
  void OnFailed(uint32_t client, Program program, const std::string& why, uint64_t now) override;

  const Options& options_;
  const Config config_;
  TurnClients clients_;
  Pacer pacer_;
  /// A client whose last cycle failed rests first.
  struct Resting {
    uint32_t client;
    uint64_t until;
  };
  std::deque<uint32_t> idle_;
  std::deque<Resting> resting_;  // the first to wake first
  bool running_ = false;
  uint64_t began_ = 0;
  uint64_t cycles_ = 0;
  std::string first_failure_;
  FloodResult result_;  // as of Stop
};

}  // namespace causeway::gen
