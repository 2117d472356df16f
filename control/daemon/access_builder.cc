#include "control/daemon/access_builder.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/options.h"
#include "control/daemon/access.h"
#include "control/next_hop/lower_priority.h"

namespace causeway::daemon {
namespace {

constexpr int kAddressCheckMs = 5000;
constexpr int kFreeCheckMs = 200;   // while an old snapshot may still be in use
constexpr int kMailboxRetryMs = 5;  // while the control thread has no room

}  // namespace

absl::StatusOr<std::unique_ptr<AccessBuilder>> AccessBuilder::Start(Mailbox& control,
                                                                    Sources sources, Basis basis,
                                                                    Deliver deliver) {
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0) return absl::ErrnoToStatus(errno, "access builder: cannot make an eventfd");
  return std::unique_ptr<AccessBuilder>(
      new AccessBuilder(control, std::move(sources), std::move(basis), std::move(deliver), wake));
}

AccessBuilder::AccessBuilder(Mailbox& control, Sources sources, Basis basis, Deliver deliver,
                             int wake)
    : control_(control),
      sources_(std::move(sources)),
      deliver_(std::move(deliver)),
      wake_(wake),
      basis_(std::move(basis)),
      in_force_(basis_.config),
      thread_([this] { Run(); }) {}

AccessBuilder::~AccessBuilder() {
  stopped_ = true;
  Reload();
  thread_.join();
  close(wake_);
}

void AccessBuilder::Reload() {
  reload_wanted_ = true;
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
}

void AccessBuilder::Run() {
  next_hop::LowerPriority();
  int until_addresses = kAddressCheckMs;
  while (!stopped_) {
    const int slice = old_.empty() ? until_addresses : std::min(until_addresses, kFreeCheckMs);
    const bool woken = reload_wanted_ || !Sleep(slice);
    FreeUnused();
    until_addresses -= woken ? 0 : slice;
    const bool reload = reload_wanted_.exchange(false);
    if (stopped_ || (!reload && until_addresses > 0)) continue;
    Rebuild(reload);
    until_addresses = kAddressCheckMs;
  }
}

void AccessBuilder::Rebuild(bool reload) {
  auto addresses = sources_.kernel_addresses();
  const bool moved = addresses.ok() && *addresses != basis_.kernel_addresses;
  if (moved) basis_.kernel_addresses = *std::move(addresses);
  if (!reload && !moved) return;
  Build build;
  build.reloaded = reload;
  if (reload) build.status = Reread(build);
  // Addresses that are the host's own now are denied, whatever became of the reload.
  if (moved && build.snapshot == nullptr) build.status.Update(Make(in_force_, build));
  Post(std::move(build));
}

absl::Status AccessBuilder::Reread(Build& build) {
  auto fresh = sources_.configuration();
  if (!fresh.ok()) return fresh.status();
  build.later = config::ChangedAtStartOnly(basis_.config, *fresh);
  build.summary = absl::StrCat(fresh->users.size(), " users, ", fresh->secrets.size(), " secrets, ",
                               fresh->tenants.size(), " tenants, ", fresh->allow_peers.size(),
                               " allowed and ", fresh->deny_peers.size(), " denied peer blocks");
  fresh->node = basis_.config.node;
  if (absl::Status status = Make(*fresh, build); !status.ok()) return status;
  in_force_ = *std::move(fresh);
  return absl::OkStatus();
}

absl::Status AccessBuilder::Make(const config::Config& config, Build& build) {
  auto made = MakeSnapshot(config, basis_.kernel_addresses, basis_.fingerprint_key);
  if (!made.ok()) return made.status();
  build.snapshot = *std::move(made);
  old_.push_back(std::exchange(basis_.snapshot, build.snapshot));
  return absl::OkStatus();
}

void AccessBuilder::Post(Build build) {
  Mailbox::Task task = [this, build = std::move(build)] {
    deliver_(build);
    return Mailbox::kDone;
  };
  // A full mailbox leaves the task untouched.
  while (!stopped_ &&
         absl::IsResourceExhausted(control_.Post(std::move(task)))) {  // NOLINT(*-use-after-move)
    Sleep(kMailboxRetryMs);
  }
}

// Who has one of these could only get it from here, so a count of one stays one.
void AccessBuilder::FreeUnused() {
  old_.erase(std::remove_if(old_.begin(), old_.end(),
                            [](const auto& snapshot) { return snapshot.use_count() == 1; }),
             old_.end());
}

bool AccessBuilder::Sleep(int milliseconds) {
  pollfd wake = {wake_, POLLIN, 0};
  if (poll(&wake, 1, milliseconds) <= 0) return true;
  uint64_t count;
  (void)!read(wake_, &count, sizeof count);
  return false;
}

}  // namespace causeway::daemon
