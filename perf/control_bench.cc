// What the control thread spends on a request: the real turn::Server and Authenticator over a
// dataplane that copies commands and replies as the engine does. The argument is the number of live
// allocations, which make the tables as cold as those of a busy node.
//
// A cycle is an Allocate with credentials (its nonce is known from an earlier 401) and the Refresh
// with lifetime 0 that ends it; 64 clients allocate, then the same 64 go, drawn at random from
// 16,384.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/auth/keys.h"
#include "control/daemon/secure_random.h"
#include "control/turn/server.h"

namespace {
uint64_t g_heap_blocks = 0;
}

extern "C" void* __libc_malloc(size_t size);  // NOLINT: the C library's name
extern "C" void* malloc(size_t size) {
  ++g_heap_blocks;
  return __libc_malloc(size);
}

namespace causeway::turn {
namespace {

using stun::Attribute;
using stun::Method;

constexpr char kRealm[] = "example.org";
constexpr uint32_t kCyclingClients = 16384;
constexpr uint32_t kConcurrent = 64;
constexpr uint32_t kUsers = 1000;
constexpr uint32_t kPortsPerAddress = 16384;
constexpr uint32_t kForever = 100'000'000;  // seconds
constexpr uint64_t kUnixTime = 1'700'000'000;

enum class Flavour { kSha1, kSha256, kTimeLimited };

void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "control_bench: %s\n", what);
  std::exit(1);
}

/// Rings of commands and of reply buffers, never read.
class CopyingDataplane : public Dataplane {
 public:
  void Submit(ShardId, const Command& command) override {
    std::memcpy(commands_[next_++ % commands_.size()].data(), &command, sizeof(command));
    if (const auto* removed = std::get_if<RemoveAllocation>(&command)) {
      ended_.push_back(removed->allocation);
    }
  }
  void Transmit(const ClientLeg& leg, absl::Span<const uint8_t> message) override {
    std::array<uint8_t, 2048>& buffer = replies_[reply_++ % replies_.size()];
    std::memcpy(buffer.data(), message.data(), message.size());
    Submit(leg.route.front_end, TransmitBuffer{buffer.data(), leg.tuple, false});
    last_reply = {buffer.data(), message.size()};
  }
  void TransmitFrame(absl::Span<const uint8_t>) override {}
  MeterReading ReadMeter(ShardId, AllocationId) const override { return {}; }
  int Poll(EventSink&) override { return 0; }
  /// Says that what was removed has left the shard.
  void DeliverEnded(turn::Server& server) {
    for (const AllocationId allocation : ended_) server.HandleAllocationEnded(0, allocation, {});
    ended_.clear();
  }

  stun::Bytes last_reply;

 private:
  std::vector<std::array<uint8_t, 64>> commands_ = std::vector<std::array<uint8_t, 64>>(4096);
  std::vector<std::array<uint8_t, 2048>> replies_ = std::vector<std::array<uint8_t, 2048>>(4096);
  std::vector<AllocationId> ended_;
  size_t next_ = 0;
  size_t reply_ = 0;
};

struct Datagram {
  std::array<uint8_t, 300> bytes;
  size_t size = 0;
  stun::Bytes view() const { return {bytes.data(), size}; }
};

struct Client {
  ClientTuple tuple;
  Datagram allocate;
  Datagram end;
};

class Bench {
 public:
  Bench(Flavour flavour, uint32_t live);

  void Handle(const Client& client, const Datagram& request) {
    server_->HandleRequest({client.tuple, {}}, request.view(), now);
    dataplane_.DeliverEnded(*server_);
  }
  bool LastSucceeded() const {
    stun::Message reply;
    return reply.Parse(dataplane_.last_reply) && reply.message_class() == stun::Class::kSuccess;
  }
  /// A request with the client's credentials, a nonce fetched for it.
  Datagram Sign(const ClientTuple& tuple, uint32_t number, Method method, uint32_t lifetime);
  Datagram Unsigned(Method method, uint32_t number) const;
  ClientTuple LiveClient(uint32_t i) const { return {{IpAddress::V4(0x0a000000u + i), 5000}, 0}; }

  /// Reviews all allocations under another snapshot, which grants the same; returns in how many
  /// slices.
  uint64_t Review() {
    server_->Use(access_[++reviews_ % 2]);
    uint64_t slices = 1;
    while (server_->ReviewSlice(now)) ++slices;
    return slices;
  }
  const std::vector<Client>& clients() const { return clients_; }
  uint64_t allocations() const { return server_->stats().allocations; }
  Now now = {1000, kUnixTime};

 private:
  void MakeServer(uint32_t live);
  void Populate(uint32_t live);
  std::string UserName(uint32_t number) const;
  std::string Password(const std::string& user) const;

  Flavour flavour_;
  CopyingDataplane dataplane_;
  std::shared_ptr<const access::Snapshot> access_[2];  // alike
  daemon::SecureRandom random_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<Server> server_;
  std::vector<Client> clients_;
  unsigned reviews_ = 0;
};

Bench::Bench(Flavour flavour, uint32_t live) : flavour_(flavour) {
  auth::CredentialsConfig config;
  config.realm = kRealm;
  for (uint32_t i = 0; i < kUsers; ++i) config.users.push_back({UserName(i), "secret"});
  if (flavour == Flavour::kTimeLimited) {
    config.users.clear();
    config.secrets = {"shared"};
  }
  for (auto& access : access_) {
    access = std::make_shared<const access::Snapshot>(access::Snapshot{
        *auth::Credentials::Create(config), access::PeerPolicies(access::PeerPolicy({}))});
  }
  auth::NonceConfig nonces;
  nonces.nonce_lifetime_seconds = kForever;
  nonces.nonce_key.assign(32, 7);
  authenticator_ = *auth::Authenticator::Create(nonces, access_[0]->credentials);
  MakeServer(live);
  Populate(live);
  std::mt19937 shuffle(1);
  for (uint32_t i = 0; i < kCyclingClients; ++i) {
    Client client;
    client.tuple = {{IpAddress::V4(0x64400000u + i / 16), static_cast<uint16_t>(20000 + i % 16)},
                    0};
    client.allocate = Sign(client.tuple, i, Method::kAllocate, 600);
    client.end = Sign(client.tuple, i, Method::kRefresh, 0);
    clients_.push_back(client);
  }
  std::shuffle(clients_.begin(), clients_.end(), shuffle);
}

void Bench::MakeServer(uint32_t live) {
  ServerConfig config;
  const uint32_t capacity = live + kCyclingClients;
  config.node.listen_addresses = {IpAddress::V4(0xc6336401u)};
  for (uint32_t i = 0; i <= capacity / kPortsPerAddress; ++i) {
    config.node.relay_addresses.push_back(IpAddress::V4(0xc0000200u + i));
  }
  config.node.allocations_per_shard = capacity;
  config.node.permissions_per_shard = 2 * capacity;
  config.node.channels_per_shard = capacity;
  config.limits.max_allocations = capacity;
  config.limits.max_lifetime_seconds = kForever;
  config.software = "Causeway benchmark";
  config.random = [this](void* out, size_t size) { random_.Fill(out, size); };
  server_ = std::make_unique<Server>(std::move(config), dataplane_, *authenticator_, access_[0]);
}

void Bench::Populate(uint32_t live) {
  for (uint32_t i = 0; i < live; ++i) {
    const Client client = {LiveClient(i), {}, {}};
    Handle(client, Sign(client.tuple, i, Method::kAllocate, kForever));
  }
  Require(allocations() == live, "live allocations were refused");
}

std::string Bench::UserName(uint32_t number) const {
  const std::string user = absl::StrCat("user", number % kUsers);
  return flavour_ == Flavour::kTimeLimited ? absl::StrCat(2 * kUnixTime, ":", user) : user;
}

std::string Bench::Password(const std::string& user) const {
  return flavour_ == Flavour::kTimeLimited ? auth::TimeLimitedPassword("shared", user) : "secret";
}

Datagram Bench::Unsigned(Method method, uint32_t number) const {
  Datagram datagram;
  stun::TransactionId id = {};
  std::memcpy(id.data(), &number, sizeof(number));
  stun::Writer writer(absl::MakeSpan(datagram.bytes), stun::Class::kRequest, method, id);
  if (method == Method::kAllocate) writer.AddU32(Attribute::kRequestedTransport, 17u << 24);
  datagram.size = writer.message().size();
  return datagram;
}

Datagram Bench::Sign(const ClientTuple& tuple, uint32_t number, Method method, uint32_t lifetime) {
  Handle({tuple, {}, {}}, Unsigned(Method::kAllocate, number));
  stun::Message challenge;
  Require(challenge.Parse(dataplane_.last_reply), "no challenge");
  Datagram datagram;
  stun::TransactionId id = {};
  std::memcpy(id.data(), &number, sizeof(number));
  stun::Writer writer(absl::MakeSpan(datagram.bytes), stun::Class::kRequest, method, id);
  if (method == Method::kAllocate) writer.AddU32(Attribute::kRequestedTransport, 17u << 24);
  writer.AddU32(Attribute::kLifetime, lifetime);
  const std::string user = UserName(number);
  writer.AddText(Attribute::kUsername, user);
  writer.AddText(Attribute::kRealm, kRealm);
  writer.AddBytes(Attribute::kNonce, challenge.LookUp(Attribute::kNonce)->value);
  const auto keys = auth::DeriveKeys(user, kRealm, Password(user)).value();
  if (flavour_ == Flavour::kSha256) {
    writer.AddBytes(Attribute::kPasswordAlgorithms,
                    challenge.LookUp(Attribute::kPasswordAlgorithms)->value);
    writer.AddU32(Attribute::kPasswordAlgorithm, 2u << 16);
    writer.AddIntegrity(Attribute::kMessageIntegritySha256, keys.sha256.view());
  } else {
    writer.AddIntegrity(Attribute::kMessageIntegrity, keys.md5.view());
  }
  Require(!writer.overflow(), "a request does not fit");
  datagram.size = writer.message().size();
  return datagram;
}

/// One at a time: a million allocations take 400 MB.
Bench& TheBench(Flavour flavour, uint32_t live) {
  static std::unique_ptr<Bench> bench;
  static std::pair<Flavour, uint32_t> kind;
  if (bench == nullptr || kind != std::pair(flavour, live)) {
    bench.reset();
    bench = std::make_unique<Bench>(flavour, live);
    kind = {flavour, live};
  }
  return *bench;
}

void Report(benchmark::State& state, uint64_t requests, uint64_t heap_blocks) {
  const auto count = static_cast<double>(requests);
  state.counters["s_per_request"] =
      benchmark::Counter(count, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["requests_per_s"] = benchmark::Counter(count, benchmark::Counter::kIsRate);
  state.counters["heap_blocks_per_request"] = static_cast<double>(heap_blocks) / count;
}

void Cycle(benchmark::State& state, Flavour flavour) {
  Bench& bench = TheBench(flavour, static_cast<uint32_t>(state.range(0)));
  const std::vector<Client>& clients = bench.clients();
  uint64_t cycles = 0;
  const uint64_t before = bench.allocations();
  const uint64_t heap_before = g_heap_blocks;
  while (state.KeepRunning()) {
    const Client* batch = &clients[cycles % clients.size()];
    for (uint32_t i = 0; i < kConcurrent; ++i) bench.Handle(batch[i], batch[i].allocate);
    if (bench.allocations() != before + kConcurrent) state.SkipWithError("Allocate is refused");
    for (uint32_t i = 0; i < kConcurrent; ++i) bench.Handle(batch[i], batch[i].end);
    if (bench.allocations() != before) state.SkipWithError("Refresh is refused");
    cycles += kConcurrent;
    if (cycles % 8192 == 0) ++bench.now.monotonic;
  }
  Report(state, 2 * cycles, g_heap_blocks - heap_before);
  state.counters["cycles_per_s"] =
      benchmark::Counter(static_cast<double>(cycles), benchmark::Counter::kIsRate);
}

void Repeat(benchmark::State& state, Bench& bench, const std::vector<Client>& requests,
            bool succeeds) {
  uint64_t count = 0;
  const uint64_t heap_before = g_heap_blocks;
  while (state.KeepRunning()) {
    const Client& client = requests[count++ % requests.size()];
    bench.Handle(client, client.allocate);
  }
  if (bench.LastSucceeded() != succeeds) state.SkipWithError("not the answer it should be");
  Report(state, count, g_heap_blocks - heap_before);
}

void Challenge(benchmark::State& state) {
  Bench& bench = TheBench(Flavour::kSha1, static_cast<uint32_t>(state.range(0)));
  std::vector<Client> requests = bench.clients();
  for (Client& client : requests) client.allocate = bench.Unsigned(Method::kAllocate, 1);
  Repeat(state, bench, requests, false);
}

void Binding(benchmark::State& state) {
  Bench& bench = TheBench(Flavour::kSha1, static_cast<uint32_t>(state.range(0)));
  std::vector<Client> requests = bench.clients();
  for (Client& client : requests) client.allocate = bench.Unsigned(Method::kBinding, 1);
  Repeat(state, bench, requests, true);
}

/// Live clients at random keep their allocations.
void Refresh(benchmark::State& state) {
  const auto live = static_cast<uint32_t>(state.range(0));
  Bench& bench = TheBench(Flavour::kSha1, live);
  std::mt19937 random(2);
  std::vector<Client> requests(65536);
  for (Client& client : requests) {
    const uint32_t i = random() % live;
    client.tuple = bench.LiveClient(i);
    client.allocate = bench.Sign(client.tuple, i, Method::kRefresh, kForever);
  }
  Repeat(state, bench, requests, true);
}

void Review(benchmark::State& state, Flavour flavour) {
  Bench& bench = TheBench(flavour, static_cast<uint32_t>(state.range(0)));
  uint64_t slices = 0;
  while (state.KeepRunning()) slices += bench.Review();
  state.counters["s_per_slice"] = benchmark::Counter(
      static_cast<double>(slices), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(Review, Users, Flavour::kSha1)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Review, TimeLimited, Flavour::kTimeLimited)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Cycle, Sha256, Flavour::kSha256)->Arg(0)->Arg(100'000)->Arg(1'000'000);
BENCHMARK_CAPTURE(Cycle, TimeLimited, Flavour::kTimeLimited)->Arg(100'000);
BENCHMARK_CAPTURE(Cycle, Sha1, Flavour::kSha1)->Arg(0)->Arg(1'000'000)->Arg(100'000);
BENCHMARK(Challenge)->Arg(100'000);
BENCHMARK(Binding)->Arg(100'000);
BENCHMARK(Refresh)->Arg(100'000)->Arg(1'000'000);

}  // namespace
}  // namespace causeway::turn

BENCHMARK_MAIN();
