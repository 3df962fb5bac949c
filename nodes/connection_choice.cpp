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
  group_ = &group;
  use_ = *std::move(use);
  service_ = use_->service();
  elsewhere_.resize(group.shards().size());
  return {};
}

void ConnectionChooser::end() noexcept {
  elsewhere_.clear();
  addresses_.store(0);
  use_.end();
}

Result<ConnectionManager*> ConnectionChooser::manager_for(OnShard& here, const Destination& told) {
  if (told.hostname.empty() && told.port == 0) return &*use_;
  if (service_->kind == ServiceKind::server) {
    return Failure(Errc::not_allowed,
                   "the message names an address (hostname, port), but a server node never opens "
                   "a connection; it goes by id");
  }
  const std::string& hostname = told.hostname.empty() ? service_->hostname : told.hostname;
  const std::uint16_t port = told.port == 0 ? service_->port : told.port;
  if (hostname == service_->hostname && port == service_->port) return &*use_;

  auto& known = elsewhere_[here.shard().index()];
  for (Elsewhere& one : known) {
    if (one.port == port && one.hostname == hostname) return &*one.use;
  }
  if (addresses_.fetch_add(1) >= kMostAddresses) {
    addresses_.fetch_sub(1);
    return Failure(Errc::not_allowed, "messages have named " + std::to_string(kMostAddresses) +
                                          " addresses already; " + hostname + ":" + std::to_string(port) +
                                          " would be one more");
  }
  auto use = group_->use(ServiceKind::client, service_->name + "@" + hostname + ":" + std::to_string(port));
  if (!use) {
    addresses_.fetch_sub(1);
    return use.error();
  }
  known.push_back({hostname, port, *std::move(use)});
  return &*known.back().use;
}

Result<ConnectionChooser::Chosen> ConnectionChooser::choose(const FlowIteration& iteration,
                                                            const ConnectionManager& on,
                                                            const Destination& told,
                                                            const LocalEnvironment& environment) const {
  switch (choice_) {
    case ConnectionChoice::any: return Chosen{};
    case ConnectionChoice::automatic: {
      if (told.id) return Chosen{told.id, false};
      const ConnectionId used = iteration.last_used(on);
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
