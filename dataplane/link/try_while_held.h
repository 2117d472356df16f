// Patience with a program that is just ending: what it holds is free in a moment.
#pragma once

#include <chrono>
#include <thread>

namespace causeway {

inline constexpr std::chrono::seconds kHeldPatience(2);
inline constexpr std::chrono::milliseconds kHeldPoll(20);

/// Calls `attempt` again while `held` says of its result that something is held, for two seconds at
/// most; returns the last result. For the start only: it sleeps in between.
template <typename Attempt, typename Held>
auto TryWhileHeld(Attempt attempt, Held held) {
  const auto deadline = std::chrono::steady_clock::now() + kHeldPatience;
  for (;;) {
    auto result = attempt();
    if (!held(result) || std::chrono::steady_clock::now() >= deadline) return result;
    std::this_thread::sleep_for(kHeldPoll);
  }
}

}  // namespace causeway
