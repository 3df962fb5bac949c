#include "nodes/connection_choice.h"

#include <algorithm>

namespace connmgr::nodes {

Result<void> ConnectionChooser::prepare(ExecutionGroup& group, ServiceKind kind,
                                        std::string_view connection_details, ConnectionChoice choice,
                                        std::string_view id_location, std::string_view own_override) {
  choice_ = choice;
  id_location_text_ = id_location.empty() ? own_override : id_location;
  auto path = EnvironmentPath::parse(id_location_text_);
  if (!path) return Failure(path.error().code, "id_location: " + path.error().text);
  id_location_ = *std::move(path);

  auto use = group.use(kind, connection_details);
  if (!use) return use.error();
  use_ = *std::move(use);
  return {};
}

Result<ConnectionChooser::Chosen> ConnectionChooser::choose(const FlowIteration& iteration,
                                                            const Destination& told,
                                                            const LocalEnvironment& environment) const {
  switch (choice_) {
    case ConnectionChoice::any: return Chosen{};
    case ConnectionChoice::automatic: {
      if (told.id) return Chosen{told.id, false};
      const ConnectionId used = iteration.last_used(manager());
      return Chosen{used, static_cast<bool>(used)};
    }
    case ConnectionChoice::by_id: return Chosen{environment.find_id(id_location_), false};
    case ConnectionChoice::required: break;
  }
  const ConnectionId id = environment.find_id(id_location_);
  if (id) return Chosen{id, false};
  return Failure(Errc::id_required,
                 "no connection id at " + id_location_text_ + ", and this node is set to `required`");
}

Failure ConnectionChooser::refusal(bool used_before, Failure why) {
  if (used_before && why.is(Errc::unknown_connection)) {
    why.code = make_error_code(Errc::connection_closed);
    why.text += ": the connection that this message used before has ended";
  }
  return why;
}

std::optional<Duration> shorter(std::optional<Duration> setting, std::optional<Duration> told) {
  if (!setting) return told;
  if (!told) return setting;
  return std::min(*setting, *told);
}

}  // namespace connmgr::nodes
