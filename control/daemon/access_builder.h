// Builds access snapshots beside the control thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/access/snapshot.h"
#include "control/config/config.h"
#include "control/daemon/mailbox.h"
#include "dataplane/address.h"

namespace causeway::daemon {

/// A thread of its own, of lower priority than control's: it reads the configuration when Reload
/// asks for it, looks every five seconds for addresses that the host has gained or lost, makes a
/// snapshot when something is new, and delivers it to the control thread by its mailbox. It frees
/// the snapshots that nobody uses any more, too.
class AccessBuilder {
 public:
  /// What is read; on the builder's thread.
  struct Sources {
    std::function<absl::StatusOr<config::Config>()> configuration;
    std::function<absl::StatusOr<std::vector<IpAddress>>()> kernel_addresses;
  };
  /// What is in force when the builder starts.
  struct Basis {
    config::Config config;
    std::vector<IpAddress> kernel_addresses;
    std::vector<uint8_t> fingerprint_key;
    std::shared_ptr<const access::Snapshot> snapshot;
  };
  struct Build {
    /// Whether Reload asked for it; else the host's addresses have changed.
    bool reloaded = false;
    /// Why a reload changes nothing that it was asked to; one line without a secret.
    absl::Status status;
    std::shared_ptr<const access::Snapshot> snapshot;  // nullptr: nothing changes
    std::string summary;                               // of a reload: how many of what are in force
    std::vector<std::string> later;  // options that a reload cannot change, and that have changed
  };
  using Deliver = std::function<void(const Build&)>;

  /// `deliver` is called on the thread that `control` belongs to. The mailbox outlives this.
  static absl::StatusOr<std::unique_ptr<AccessBuilder>> Start(Mailbox& control, Sources sources,
                                                              Basis basis, Deliver deliver);
  /// Waits for a build that is under way. By then the mailbox is closed, or its thread is this one.
  ~AccessBuilder();
  AccessBuilder(const AccessBuilder&) = delete;
  AccessBuilder& operator=(const AccessBuilder&) = delete;

  /// Any thread; never waits. What is asked for while a build runs is one more build, of what the
  /// files hold by then.
  void Reload();

 private:
  AccessBuilder(Mailbox& control, Sources sources, Basis basis, Deliver deliver, int wake);
  void Run();
  void Rebuild(bool reload);
  /// What a reload changes comes into force, unless something is wrong with it.
  absl::Status Reread(Build& build);
  absl::Status Make(const config::Config& config, Build& build);
  void Post(Build build);
  void FreeUnused();
  /// False when it was woken before the time was over.
  bool Sleep(int milliseconds);

  Mailbox& control_;
  const Sources sources_;
  const Deliver deliver_;
  const int wake_;  // an event descriptor
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> reload_wanted_ = false;
  // The thread's own.
  Basis basis_;
  config::Config in_force_;
  std::vector<std::shared_ptr<const access::Snapshot>> old_;  // maybe in use
  std::thread thread_;
};

}  // namespace causeway::daemon
