// What DPDK logs, held back so that an error is one line.
#pragma once

#include <rte_log.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace causeway {

/// Takes DPDK's log from its construction until Finish, or its end. They may nest.
class LogCapture {
 public:
  LogCapture() : previous_(rte_log_get_stream()), stream_(open_memstream(&text_, &size_)) {
    if (stream_ != nullptr) rte_openlog_stream(stream_);
  }
  ~LogCapture() {
    Finish();
    std::free(text_);
  }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

  /// Ends the capture; returns what was logged.
  std::string Finish() {
    if (stream_ == nullptr) return std::string(text_ == nullptr ? "" : text_, size_);
    rte_openlog_stream(previous_);
    std::fclose(stream_);
    stream_ = nullptr;
    return std::string(text_, size_);
  }

 private:
  FILE* previous_;
  char* text_ = nullptr;
  size_t size_ = 0;
  FILE* stream_;
};

}  // namespace causeway
