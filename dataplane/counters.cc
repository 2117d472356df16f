#include "dataplane/counters.h"

namespace causeway {
namespace {

struct Text {
  const char* name;
  const char* help;
};

constexpr Text kTexts[] = {
#define CAUSEWAY_COUNTER_TEXT(name, help) {#name, help},
    CAUSEWAY_COUNTERS(CAUSEWAY_COUNTER_TEXT)
#undef CAUSEWAY_COUNTER_TEXT
};
static_assert(sizeof(kTexts) / sizeof(kTexts[0]) == kCounterCount);

}  // namespace

const char* CounterName(Counter counter) { return kTexts[static_cast<int>(counter)].name; }
const char* CounterHelp(Counter counter) { return kTexts[static_cast<int>(counter)].help; }

}  // namespace causeway
