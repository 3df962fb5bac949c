// What the tests of service files share: texts in, services or mistakes out.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "services/config/service_directory.h"

namespace connmgr::services {

inline LoadOutcome load(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return load_services({{"orders.yaml", text}}, overrides);
}

// Each as a line of text.
inline std::vector<std::string> mistakes_in(const std::string& text,
                                            const std::vector<std::string>& overrides = {}) {
  std::vector<std::string> lines;
  for (const Mistake& mistake : load(text, overrides).mistakes) lines.push_back(to_string(mistake));
  return lines;
}

// The only service of its kind and name in a text without mistakes.
inline ConfigurableService service_in(const std::string& text, const std::string& name = "orders",
                                      ServiceKind kind = ServiceKind::client,
                                      const std::vector<std::string>& overrides = {}) {
  const LoadOutcome outcome = load(text, overrides);
  EXPECT_TRUE(outcome) << outcome.text();
  const auto service = outcome.services.find(kind, name);
  EXPECT_NE(service, nullptr) << name;
  return service ? *service : ConfigurableService{};
}

}  // namespace connmgr::services
