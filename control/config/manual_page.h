// The manual page, made from the declarations of the options.
#pragma once

#include <string>

namespace causeway::config {

/// causewayd(8) in roff's man macros.
std::string ManualPage();

}  // namespace causeway::config
