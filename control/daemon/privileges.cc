#include "control/daemon/privileges.h"

#include <dirent.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace causeway::daemon {
namespace {

constexpr uint64_t kKept =
    uint64_t{1} << CAP_NET_ADMIN | uint64_t{1} << CAP_NET_RAW | uint64_t{1} << CAP_BPF;
constexpr int kPatienceMilliseconds = 2000;

std::atomic<int> dropped_threads;
std::atomic<int> failed_errno;

/// The calling thread's. Safe in a signal handler: system calls only.
void DropInThisThread() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  bool ok = syscall(SYS_capget, &header, data) == 0;
  // The bounding set can be cut only with CAP_SETPCAP; without it there is nothing to gain by exec.
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability) {
    if ((kKept >> capability & 1) == 0) prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  }
  for (unsigned word = 0; word < 2; ++word) {
    data[word].permitted &= static_cast<uint32_t>(kKept >> (32 * word));
    data[word].effective = data[word].permitted;
    data[word].inheritable = 0;
  }
  ok = syscall(SYS_capset, &header, data) == 0 && ok;
  ok = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ok;
  if (!ok) failed_errno.store(errno);
}

void OnDropSignal(int) {
  const int saved = errno;
  DropInThisThread();
  dropped_threads.fetch_add(1);
  errno = saved;
}

/// Signals the threads that are not in `signalled` yet; returns how many those were.
int SignalThreads(std::set<pid_t>& signalled) {
  DIR* tasks = opendir("/proc/self/task");
  if (tasks == nullptr) return -1;
  int count = 0;
  while (const dirent* entry = readdir(tasks)) {
    pid_t thread = 0;
    if (!absl::SimpleAtoi(entry->d_name, &thread) || !signalled.insert(thread).second) continue;
    if (syscall(SYS_tgkill, getpid(), thread, SIGRTMAX) == 0) ++count;
  }
  closedir(tasks);
  return count;
}

/// Waits until `count` threads in all have dropped.
bool WaitForThreads(int count) {
  for (int i = 0; i < kPatienceMilliseconds && dropped_threads.load() < count; ++i) usleep(1000);
  return dropped_threads.load() >= count;
}

}  // namespace

absl::Status DropPrivileges() {
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = OnDropSignal;
  action.sa_flags = SA_RESTART;
  if (sigaction(SIGRTMAX, &action, &before) != 0) {
    return absl::ErrnoToStatus(errno, "cannot drop privileges");
  }
  dropped_threads = 0;
  failed_errno = 0;
  DropInThisThread();
  std::set<pid_t> signalled = {static_cast<pid_t>(syscall(SYS_gettid))};
  int expected = 0;
  // A thread that starts meanwhile may have inherited from one that had not dropped yet: look
  // again.
  for (;;) {
    const int more = SignalThreads(signalled);
    if (more < 0) return absl::ErrnoToStatus(errno, "cannot drop privileges: no /proc/self/task");
    if (more == 0) break;
    expected += more;
    if (!WaitForThreads(expected)) {
      return absl::InternalError(absl::StrCat("cannot drop privileges: of ", expected,
                                              " threads only ", dropped_threads.load(),
                                              " answered in time"));
    }
  }
  sigaction(SIGRTMAX, &before, nullptr);
  if (failed_errno == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(failed_errno, "cannot drop privileges");
}

void ForbidMemoryDumps() {
#ifndef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

}  // namespace causeway::daemon
