// The rules of each property, read once from the schema (proto/connmgr/v1/configurable_service.proto):
// what a value may be, what holds without one, when a change is in force, and what the property is for.
// Parsing, checking, `describe` and the property table all ask here (SPEC V2).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "connmgr/configurable_service.h"

namespace google::protobuf {
class FieldDescriptor;
}

namespace connmgr::services {

enum class ValueKind {
  boolean,
  whole_number,
  number,
  share,
  choice,
  duration,
  size,
  name,
  host,
  address,
  port,
  group
};

// When a changed value is in force (SPEC V7).
enum class Effect { now, next_connection, reconnect, rebind };

struct PropertyRule {
  std::string name{};
  ValueKind kind = ValueKind::whole_number;
  Effect effect = Effect::now;
  // Values as they are written in a file; empty: none.
  std::string default_text{};
  std::string minimum{};
  std::string maximum{};
  std::string multiple_of{};
  std::string unset_means{};  // where there is no plain default
  bool never_allowed = false;
  bool required = false;
  bool secret = false;
  bool own = false;  // not taken from the service Default
  std::string example{};
  std::string description{};               // lines; the first says what it is
  std::vector<std::string> choices{};      // choice: its values; port: the words besides a number
  std::vector<PropertyRule> properties{};  // group
  // Where the value stands in the message: first the inlined messages on the way, then the field.
  std::vector<const google::protobuf::FieldDescriptor*> fields{};

  const google::protobuf::FieldDescriptor& field() const { return *fields.back(); }
};

// In the order of the schema; live as long as the program.
const std::vector<PropertyRule>& properties_of(ServiceKind kind);

// The rule of "max_connections" or "keepalive.idle"; nullptr: there is none.
const PropertyRule* find_property(const std::vector<PropertyRule>& rules, std::string_view path);

// "0 to 1000000", "a duration, 0s to 365d, or never", "refuse or pause".
std::string allowed_text(const PropertyRule& rule);

std::string_view effect_text(Effect effect);

std::vector<std::string> names_of(const std::vector<PropertyRule>& rules);

// "a, b or c".
std::string one_of(const std::vector<std::string>& words);

}  // namespace connmgr::services
