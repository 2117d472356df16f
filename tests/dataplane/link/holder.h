// Runs link_holder in a network namespace and talks with it.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/link/unique_fd.h"

namespace causeway {

inline constexpr std::chrono::seconds kPatience(10);

/// Runs a shell command; true when it succeeds.
inline bool Shell(const std::string& command) {
  return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

/// A network namespace that goes with the object.
class Namespace {
 public:
  explicit Namespace(const std::string& role)
      : name_(absl::StrCat("cwlink-", getpid(), "-", role)) {
    Shell("ip netns add " + name_);
    Do("ip link set lo up");
  }
  ~Namespace() { Shell("ip netns del " + name_); }
  Namespace(const Namespace&) = delete;
  Namespace& operator=(const Namespace&) = delete;

  const std::string& name() const { return name_; }
  bool Do(const std::string& command) const {
    return Shell("ip netns exec " + name_ + " " + command);
  }
  std::string Output(const std::string& command) const {
    std::string out;
    FILE* pipe = popen(("ip netns exec " + name_ + " " + command).c_str(), "r");
    char buffer[256];
    while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) out += buffer;
    pclose(pipe);
    return out;
  }
  void Enter() const {
    const UniqueFd fd(open(("/var/run/netns/" + name_).c_str(), O_RDONLY | O_CLOEXEC));
    setns(fd.get(), CLONE_NEWNET);
  }
  /// Runs something, such as the making of a socket, inside.
  void In(const std::function<void()>& what) const {
    const UniqueFd home(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    Enter();
    what();
    setns(home.get(), CLONE_NEWNET);
  }

 private:
  std::string name_;
};

class Holder {
 public:
  /// `prepare` runs in the child, inside the namespace.
  Holder(
      const Namespace& where, std::vector<std::string> arguments,
      const std::function<void()>& prepare = [] {}) {
    int to[2];
    int from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) std::abort();
    pid_ = fork();
    if (pid_ == 0) {
      where.Enter();
      dup2(to[0], STDIN_FILENO);
      dup2(from[1], STDOUT_FILENO);
      prepare();
      std::vector<char*> argv = {const_cast<char*>("link_holder")};
      for (std::string& argument : arguments) argv.push_back(argument.data());
      argv.push_back(nullptr);
      if (const char* program = std::getenv("LINK_HOLDER")) execv(program, argv.data());
      _exit(127);
    }
    close(to[0]);
    close(from[1]);
    to_ = UniqueFd(to[1]);
    from_ = UniqueFd(from[0]);
  }
  ~Holder() {
    if (pid_ > 0) Kill();
  }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  pid_t pid() const { return pid_; }
  /// The next line that begins so, or what came instead of one.
  std::string WaitFor(absl::string_view beginning) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::string others;
    for (;;) {
      const std::string line = NextLine(deadline);
      if (line.empty()) return "nothing; before: " + others;
      if (absl::StartsWith(line, beginning)) return line;
      absl::StrAppend(&others, line, "\n");
    }
  }
  /// Every line until one that begins so.
  std::vector<std::string> Until(absl::string_view beginning) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    std::vector<std::string> lines;
    for (std::string line = NextLine(deadline); !line.empty(); line = NextLine(deadline)) {
      if (absl::StartsWith(line, beginning)) break;
      lines.push_back(line);
    }
    return lines;
  }
  void Send(const std::string& line) {
    const std::string whole = line + "\n";
    [[maybe_unused]] const ssize_t written = write(to_.get(), whole.data(), whole.size());
  }
  /// Its exit code after "quit".
  int Quit() {
    Send("quit");
    return Wait();
  }
  int Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// As kill -9 does.
  void Kill() {
    kill(pid_, SIGKILL);
    Wait();
  }

 private:
  std::string NextLine(std::chrono::steady_clock::time_point deadline) {
    for (;;) {
      if (const size_t end = text_.find('\n'); end != std::string::npos) {
        std::string line = text_.substr(0, end);
        text_.erase(0, end + 1);
        return line;
      }
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd ready = {from_.get(), POLLIN, 0};
      char buffer[4096];
      if (left.count() <= 0 || poll(&ready, 1, static_cast<int>(left.count())) <= 0) return "";
      const ssize_t size = read(from_.get(), buffer, sizeof(buffer));
      if (size <= 0) return "";
      text_.append(buffer, static_cast<size_t>(size));
    }
  }

  pid_t pid_ = -1;
  UniqueFd to_;
  UniqueFd from_;
  std::string text_;
};

}  // namespace causeway
