#include "nodes/local_environment.h"

#include <array>
#include <charconv>
#include <ctime>

namespace connmgr::nodes {
namespace {

// In place, so that the memory of the strings is used again.
void clear_use(ConnectionUse& use) noexcept {
  use.connection.reset();
  use.reply_id.clear();
  use.input_record = 0;
  use.output_record = 0;
}

void clear_destination(Destination& destination) noexcept {
  destination.hostname.clear();
  destination.port = 0;
  destination.id = {};
  destination.reply_id.reset();
  destination.timeout.reset();
  destination.length.reset();
}

std::optional<std::string> number_or_nothing(std::uint64_t number) {
  if (number == 0) return std::nullopt;
  return std::to_string(number);
}

std::string utc_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> room{};
  return std::string(room.data(), std::strftime(room.data(), room.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<EnvironmentPath::Field> EnvironmentPath::field_of(Section section, std::string_view name) {
  struct Named {
    std::string_view name;
    Field field;
  };
  static constexpr std::array kOfUse{
      Named{"connection.id", Field::connection_id},
      Named{"type", Field::type},
      Named{"hostname", Field::hostname},
      Named{"port", Field::port},
      Named{"opened", Field::opened},
      Named{"reply_id", Field::reply_id},
      Named{"sequence_number.input_record", Field::input_record},
      Named{"sequence_number.output_record", Field::output_record},
      Named{"client.hostname", Field::client_hostname},
      Named{"client.address", Field::client_address},
      Named{"client.port", Field::client_port},
  };
  static constexpr std::array kOfDestination{
      Named{"hostname", Field::hostname}, Named{"port", Field::port},       Named{"id", Field::connection_id},
      Named{"reply_id", Field::reply_id}, Named{"timeout", Field::timeout}, Named{"length", Field::length},
  };
  static constexpr std::array kOfFailure{Named{"code", Field::code}, Named{"text", Field::text},
                                         Named{"node", Field::node}};

  const auto among = [name](std::span<const Named> fields) -> std::optional<Field> {
    for (const Named& known : fields) {
      if (known.name == name) return known.field;
    }
    return std::nullopt;
  };
  switch (section) {
    case Section::written:
      if (name == "outcome") return Field::outcome;
      [[fallthrough]];
    case Section::input:
    case Section::receive: return among(kOfUse);
    case Section::to_output:
    case Section::to_receive: return among(kOfDestination);
    case Section::failure: return among(kOfFailure);
    case Section::user: return Field::text;
  }
  return std::nullopt;
}

Result<EnvironmentPath> EnvironmentPath::parse(std::string_view text) {
  const auto nothing_there = [text](const char* allowed) {
    return Failure(Errc::invalid_configuration,
                   "'" + std::string(text) + "' is no place in a local environment; " + allowed);
  };
  EnvironmentPath path;
  std::string_view rest = text;
  if (take_prefix(rest, "tcpip.input.")) {
    path.section_ = Section::input;
  } else if (take_prefix(rest, "tcpip.receive.")) {
    path.section_ = Section::receive;
  } else if (take_prefix(rest, "written_destination.tcpip.output")) {
    path.section_ = Section::written;
    if (take_prefix(rest, "[")) {
      const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), path.index_);
      if (error != std::errc()) return nothing_there("a number is expected in the brackets");
      rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
      if (!take_prefix(rest, "]")) return nothing_there("']' is missing");
    }
    if (!take_prefix(rest, ".")) return nothing_there("a field is expected, as in output[0].connection.id");
  } else if (take_prefix(rest, "destination.tcpip.output.")) {
    path.section_ = Section::to_output;
  } else if (take_prefix(rest, "destination.tcpip.receive.")) {
    path.section_ = Section::to_receive;
  } else if (take_prefix(rest, "failure.")) {
    path.section_ = Section::failure;
  } else if (rest.empty()) {
    return nothing_there("a name is expected");
  } else {
    for (const std::string_view ours : {"tcpip", "written_destination", "destination", "failure"}) {
      if (rest == ours || (rest.starts_with(ours) && rest[ours.size()] == '.')) {
        return nothing_there(
            "known are tcpip.input, tcpip.receive, written_destination.tcpip.output[n], "
            "destination.tcpip.output, destination.tcpip.receive, failure and their fields");
      }
    }
    path.name_ = rest;
    return path;
  }
  const std::optional<Field> field = field_of(path.section_, rest);
  if (!field) return nothing_there("the field does not exist there; an id is at tcpip.input.connection.id");
  path.field_ = *field;
  return path;
}

void LocalEnvironment::set(std::string_view name, std::string_view value) {
  for (std::size_t i = 0; i < user_count_; ++i) {
    if (user_[i].name == name) {
      user_[i].value.assign(value);
      return;
    }
  }
  if (user_count_ == user_.size()) user_.emplace_back();
  user_[user_count_].name.assign(name);
  user_[user_count_].value.assign(value);
  ++user_count_;
}

const std::string* LocalEnvironment::get(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < user_count_; ++i) {
    if (user_[i].name == name) return &user_[i].value;
  }
  return nullptr;
}

std::optional<std::string> LocalEnvironment::find(std::string_view path) const {
  const Result<EnvironmentPath> parsed = EnvironmentPath::parse(path);
  return parsed ? find(*parsed) : std::nullopt;
}

std::optional<std::string> LocalEnvironment::find(const EnvironmentPath& path) const {
  using Section = EnvironmentPath::Section;
  using Field = EnvironmentPath::Field;
  switch (path.section_) {
    case Section::input: return find_in(input_, path.field_);
    case Section::receive: return find_in(receive_, path.field_);
    case Section::written: {
      const std::size_t index = path.index_ == EnvironmentPath::kLast ? written_count_ - 1 : path.index_;
      if (index >= written_count_) return std::nullopt;
      if (path.field_ == Field::outcome) return std::string(to_string(written_[index].outcome));
      return find_in(written_[index].use, path.field_);
    }
    case Section::to_output: return find_in(to_output_, path.field_);
    case Section::to_receive: return find_in(to_receive_, path.field_);
    case Section::failure:
      if (!failure_) return std::nullopt;
      if (path.field_ == Field::code) return failure_->failure.code.message();
      return path.field_ == Field::node ? failure_->node : failure_->failure.text;
    case Section::user:
      if (const std::string* value = get(path.name_)) return *value;
      return std::nullopt;
  }
  return std::nullopt;
}

ConnectionId LocalEnvironment::find_id(const EnvironmentPath& path) const {
  using Section = EnvironmentPath::Section;
  if (path.section_ == Section::user) {
    const std::string* text = get(path.name_);
    return text ? connection_id_from(*text).value_or(ConnectionId{}) : ConnectionId{};
  }
  if (path.field_ != EnvironmentPath::Field::connection_id) return {};
  switch (path.section_) {
    case Section::input: return input_.id();
    case Section::receive: return receive_.id();
    case Section::written: {
      const std::size_t index = path.index_ == EnvironmentPath::kLast ? written_count_ - 1 : path.index_;
      return index < written_count_ ? written_[index].use.id() : ConnectionId{};
    }
    case Section::to_output: return to_output_.id;
    case Section::to_receive: return to_receive_.id;
    default: return {};
  }
}

std::optional<std::string> LocalEnvironment::find_in(const ConnectionUse& use,
                                                     EnvironmentPath::Field field) const {
  using Field = EnvironmentPath::Field;
  if (!use) return std::nullopt;
  const ConnectionDetails& details = *use.connection;
  switch (field) {
    case Field::connection_id: return to_string(details.id);
    case Field::type: return details.type == ServiceKind::client ? "client" : "server";
    case Field::hostname: return details.hostname;
    case Field::port: return std::to_string(details.port);
    case Field::opened: return utc_text(details.opened);
    case Field::reply_id: return use.reply_id.empty() ? std::nullopt : std::optional(use.reply_id);
    case Field::input_record: return number_or_nothing(use.input_record);
    case Field::output_record: return number_or_nothing(use.output_record);
    case Field::client_hostname:
    case Field::client_address: return details.peer.address;
    case Field::client_port: return std::to_string(details.peer.port);
    default: return std::nullopt;
  }
}

std::optional<std::string> LocalEnvironment::find_in(const Destination& destination,
                                                     EnvironmentPath::Field field) const {
  using Field = EnvironmentPath::Field;
  switch (field) {
    case Field::hostname:
      return destination.hostname.empty() ? std::nullopt : std::optional(destination.hostname);
    case Field::port: return number_or_nothing(destination.port);
    case Field::connection_id:
      return destination.id ? std::optional(to_string(destination.id)) : std::nullopt;
    case Field::reply_id: return destination.reply_id;
    case Field::timeout:
      if (!destination.timeout) return std::nullopt;
      return std::to_string(
                 std::chrono::duration_cast<std::chrono::milliseconds>(*destination.timeout).count()) +
             "ms";
    case Field::length:
      return destination.length ? std::optional(std::to_string(*destination.length)) : std::nullopt;
    default: return std::nullopt;
  }
}

WrittenDestination& LocalEnvironment::add_written() {
  if (written_count_ == written_.size()) written_.emplace_back();
  return written_[written_count_++];
}

void LocalEnvironment::keep_only_input() noexcept {
  clear_use(receive_);
  for (std::size_t i = 0; i < written_count_; ++i) {
    clear_use(written_[i].use);
    written_[i].outcome = io::SendOutcome::not_sent;
  }
  written_count_ = 0;
  clear_destination(to_output_);
  clear_destination(to_receive_);
  user_count_ = 0;
  failure_.reset();
}

void LocalEnvironment::clear() noexcept {
  clear_use(input_);
  keep_only_input();
}

}  // namespace connmgr::nodes
