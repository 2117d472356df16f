// TURN clients (RFC 8656) by the million, without I/O: bytes and time in, bytes out.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "perf/gen/credentials.h"
#include "perf/gen/options.h"
#include "perf/gen/report.h"

namespace causeway::gen {

/// The channel that each client binds to its peer.
inline constexpr uint16_t kChannel = 0x4000;

/// The code of an error response (RFC 8489 section 14.8); 0 when it has none.
int ErrorCodeOf(const stun::Message& response);

/// What a client does from Start to its end.
enum class Program : uint8_t {
  kNone,
  kSetup,     // Allocate, then ChannelBind or CreatePermission
  kMaintain,  // Refresh, then ChannelBind or CreatePermission
  kDelete,    // Refresh with lifetime 0
  kCycle,     // Allocate, then Refresh with lifetime 0
};

/// Learns how programs end. Called from OnMessage and Tick; it may start a client again at once.
class ProgramListener {
 public:
  virtual ~ProgramListener() = default;
  virtual void OnDone(uint32_t client, Program program, uint64_t now) = 0;
  /// `why` is a whole error text: what happened, to which client, what to do.
  virtual void OnFailed(uint32_t client, Program program, const std::string& why, uint64_t now) = 0;
};

/// The clients number first_client to first_client + count - 1 of Options::clients. Requests are
/// sent again after 500 ms, 1 s, 2 s, 4 s (RFC 8489 section 6.2.1) and given up 4 s later. One
/// thread. About 100 bytes a client.
class TurnClients {
 public:
  /// Sends a datagram of a client to the server.
  using Transmit = std::function<void(uint32_t client, absl::Span<const uint8_t> datagram)>;
  struct Config {
    uint32_t first_client = 0;
    uint32_t count = 0;
    /// Bytes 8 to 11 of the transaction ids; differs from those of others in the process.
    uint32_t tag = 0;
    uint64_t tsc_hz = 0;
  };
  struct Counts {
    uint64_t sent = 0;  // requests, retransmissions not counted
    uint64_t retransmissions = 0;
    uint64_t answered = 0;
    uint64_t allocated = 0;      // Allocate requests that succeeded
    uint64_t bad_integrity = 0;  // success responses that did not verify, and were ignored
    /// Error answers; challenges (the first 401 of a program) are none.
    ErrorCounts errors;
  };

  TurnClients(const Options& options, const Config& config, Credentials& credentials,
              Transmit transmit, ProgramListener& listener);

  /// Begins a program. The client is not in one.
  void Start(uint32_t client, Program program, uint64_t now);
  /// Forgets the program of a client; late answers are ignored.
  void Abandon(uint32_t client);
  /// A STUN response from the server; ignored unless it answers a request of these clients.
  void OnMessage(absl::Span<const uint8_t> datagram, uint64_t now);
  /// Retransmits and gives up what is due. Cheap: call it often.
  void Tick(uint64_t now);

  bool IsIdle(uint32_t client) const { return At(client).program == Program::kNone; }
  bool IsAllocated(uint32_t client) const { return At(client).allocated; }
  bool IsBound(uint32_t client) const { return At(client).bound; }
  /// Of an allocated client.
  const Endpoint& Relayed(uint32_t client) const { return At(client).relayed; }
  /// The lifetime that the server gave, in seconds.
  uint32_t Lifetime(uint32_t client) const { return At(client).lifetime; }
  /// Clients that are in a program.
  uint32_t busy() const { return busy_; }
  const Counts& counts() const { return counts_; }
  /// Of answered requests that were sent once (Karn's rule), in cycles.
  const Histogram& round_trips() const { return round_trips_; }
  /// Counts and round trips from zero.
  void ResetCounts();

 private:
  enum class Step : uint8_t { kNone, kAllocate, kRefresh, kBind, kDelete, kPause };
  struct Session {
    Endpoint relayed;
    uint32_t serial = 0;  // of the present transaction
    uint32_t lifetime = 0;
    uint64_t sent_at = 0;
    Program program = Program::kNone;
    Step step = Step::kNone;
    uint8_t transmissions = 0;
    uint8_t tries = 0;         // challenges in this program
    uint8_t mismatches = 0;    // Allocates in this program that found something on the five-tuple
    bool fresh_nonce = false;  // the nonce came from a challenge within this program
    bool allocated = false;
    bool bound = false;
  };
  struct Timeout {
    uint64_t deadline;
    uint32_t client;
    uint32_t serial;
  };
  static constexpr int kTransmissions = 5;
  static constexpr int kPauseQueue = kTransmissions;
  static constexpr uint8_t kMostTries = 8;
  static constexpr uint8_t kMostMismatches = 20;  // ten seconds of pauses

  Session& At(uint32_t client) { return sessions_[client - config_.first_client]; }
  const Session& At(uint32_t client) const { return sessions_[client - config_.first_client]; }

  // turn_client.cc: programs and answers.
  void Begin(uint32_t client, Step step, uint64_t now);
  void OnSuccess(uint32_t client, const stun::Message& response, uint64_t now);
  void OnError(uint32_t client, const stun::Message& response, uint64_t now);
  void OnChallenge(uint32_t client, const stun::Message& response, int code, uint64_t now);
  void OnMismatch(uint32_t client, uint64_t now);
  void Next(uint32_t client, uint64_t now);
  void Finish(uint32_t client, uint64_t now);
  void Fail(uint32_t client, const std::string& why, uint64_t now);
  void Pause(uint32_t client, uint64_t now);
  void Await(uint32_t client, int queue, uint64_t now);
  void Expire(int queue, const Timeout& timeout, uint64_t now);
  bool NeedsBinding() const { return options_.peers.size() > 0; }

  // turn_requests.cc: bytes and words.
  void Send(uint32_t client);
  size_t Encode(uint32_t client, absl::Span<uint8_t> buffer) const;
  stun::Bytes NonceOf(uint32_t client) const;
  void StoreNonce(uint32_t client, stun::Bytes nonce);
  const char* StepName(uint32_t client) const;
  std::string Who(uint32_t client) const;
  std::string Refusal(uint32_t client, int code, const std::string& reason) const;
  std::string Silence(uint32_t client) const;

  const Options& options_;
  const Config config_;
  Credentials& credentials_;
  Transmit transmit_;
  ProgramListener& listener_;
  std::vector<Session> sessions_;
  /// Of each client nonce_stride_ bytes: two of length, then the nonce.
  std::vector<uint8_t> nonces_;
  size_t nonce_stride_ = 0;
  /// One queue for each transmission: all of its entries wait equally long, so it is in order.
  std::deque<Timeout> timeouts_[kTransmissions + 1];
  uint32_t busy_ = 0;
  Counts counts_;
  Histogram round_trips_;
};

}  // namespace causeway::gen
