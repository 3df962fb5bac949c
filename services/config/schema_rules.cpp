#include "services/config/schema_rules.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <cctype>

#include "connmgr/core/check.h"
#include "connmgr/v1/configurable_service.pb.h"
#include "connmgr/v1/descriptor_set.h"
#include "connmgr/v1/options.pb.h"

namespace connmgr::services {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using v1::Rules;

// The generated descriptors carry no comments; the embedded set does, so it is loaded beside them.
class Comments {
 public:
  Comments() {
    google::protobuf::FileDescriptorSet files;
    const std::string_view bytes = proto::descriptor_set();
    check(files.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())),
          "the embedded schema is damaged");
    for (const auto& file : files.file())
      check(pool_.BuildFile(file) != nullptr, "the embedded schema is incomplete");
  }

  // Lines without their indentation.
  std::string on(const FieldDescriptor& field) const {
    const FieldDescriptor* known = pool_.FindFieldByName(field.full_name());
    google::protobuf::SourceLocation location;
    if (known == nullptr || !known->GetSourceLocation(&location)) return {};
    std::string text;
    std::string_view rest = location.leading_comments;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      std::string_view line = rest.substr(0, end);
      if (line.starts_with(' ')) line.remove_prefix(1);
      if (!line.empty()) text += (text.empty() ? "" : "\n") + std::string(line);
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return text;
  }

 private:
  google::protobuf::DescriptorPool pool_;
};

ValueKind kind_of(const FieldDescriptor& field, const Rules& rules) {
  switch (rules.format()) {
    case Rules::NAME: return ValueKind::name;
    case Rules::HOST: return ValueKind::host;
    case Rules::ADDRESS: return ValueKind::address;
    case Rules::PORT: return ValueKind::port;
    case Rules::DURATION: return ValueKind::duration;
    case Rules::SIZE: return ValueKind::size;
    case Rules::SHARE: return ValueKind::share;
    case Rules::CHOICE: return ValueKind::choice;
    default: break;
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: return ValueKind::boolean;
    case FieldDescriptor::CPPTYPE_DOUBLE: return ValueKind::number;
    case FieldDescriptor::CPPTYPE_MESSAGE: return ValueKind::group;
    default: return ValueKind::whole_number;
  }
}

Effect effect_of(const Rules& rules) {
  switch (rules.effect()) {
    case Rules::NEXT_CONNECTION: return Effect::next_connection;
    case Rules::RECONNECT: return Effect::reconnect;
    case Rules::REBIND: return Effect::rebind;
    default: return Effect::now;
  }
}

// WHEN_FULL_REFUSE of WhenFull is written `refuse`. The value 0 stands for unset and is not written.
std::vector<std::string> choices_of(const EnumDescriptor& type) {
  const std::string zero = type.value(0)->name();
  const std::size_t prefix = zero.size() - std::string_view("UNSPECIFIED").size();
  std::vector<std::string> choices;
  for (int i = 1; i < type.value_count(); ++i) {
    std::string word = type.value(i)->name().substr(prefix);
    std::transform(word.begin(), word.end(), word.begin(), [](unsigned char c) { return std::tolower(c); });
    choices.push_back(std::move(word));
  }
  return choices;
}

void append_properties(const Descriptor& type, const Comments& comments,
                       std::vector<const FieldDescriptor*> way, std::vector<PropertyRule>& into) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const Rules& rules = field.options().GetExtension(v1::rules);
    way.push_back(&field);
    if (rules.inlined()) {
      append_properties(*field.message_type(), comments, way, into);
    } else {
      PropertyRule rule{.name = field.name(),
                        .kind = kind_of(field, rules),
                        .effect = effect_of(rules),
                        .default_text = rules.default_(),
                        .minimum = rules.minimum(),
                        .maximum = rules.maximum(),
                        .multiple_of = rules.multiple_of(),
                        .unset_means = rules.unset(),
                        .never_allowed = rules.never(),
                        .required = rules.required(),
                        .secret = rules.secret(),
                        .own = rules.own(),
                        .example = rules.example(),
                        .description = comments.on(field),
                        .fields = way};
      if (rule.kind == ValueKind::choice) rule.choices = choices_of(*field.enum_type());
      if (rule.kind == ValueKind::group)
        append_properties(*field.message_type(), comments, {}, rule.properties);
      if (rule.kind == ValueKind::port) {
        const bool may_be_auto = field.message_type()->FindFieldByName("automatic") != nullptr;
        rule.choices = {may_be_auto ? "auto" : "{of: NAME of a server service}"};
      }
      into.push_back(std::move(rule));
    }
    way.pop_back();
  }
}

std::vector<PropertyRule> properties_of_message(const Descriptor& type) {
  static const Comments comments;
  std::vector<PropertyRule> rules;
  append_properties(type, comments, {}, rules);
  return rules;
}

std::string range_text(const PropertyRule& rule) {
  const std::string from = rule.minimum.empty() ? "0" : rule.minimum;
  std::string text = rule.maximum.empty() ? from + " or more" : from + " to " + rule.maximum;
  if (!rule.multiple_of.empty()) text += ", a multiple of " + rule.multiple_of;
  return text;
}

}  // namespace

const std::vector<PropertyRule>& properties_of(ServiceKind kind) {
  static const auto client = properties_of_message(*v1::ClientService::descriptor());
  static const auto server = properties_of_message(*v1::ServerService::descriptor());
  return kind == ServiceKind::client ? client : server;
}

const PropertyRule* find_property(const std::vector<PropertyRule>& rules, std::string_view path) {
  const std::size_t dot = path.find('.');
  const std::string_view name = path.substr(0, dot);
  const auto rule =
      std::find_if(rules.begin(), rules.end(), [&](const PropertyRule& r) { return r.name == name; });
  if (rule == rules.end()) return nullptr;
  return dot == std::string_view::npos ? &*rule : find_property(rule->properties, path.substr(dot + 1));
}

std::string allowed_text(const PropertyRule& rule) {
  switch (rule.kind) {
    case ValueKind::boolean: return "true or false";
    case ValueKind::choice: return one_of(rule.choices);
    case ValueKind::name: return "a letter, then letters, digits, - and _";
    case ValueKind::host: return "a host name or address, without brackets";
    case ValueKind::address: return "an address of this host, or all";
    case ValueKind::port: return "0 to 65535, or " + one_of(rule.choices);
    case ValueKind::group: return "a map of " + one_of(names_of(rule.properties));
    default: return range_text(rule) + (rule.never_allowed ? ", or never" : "");
  }
}

std::string_view effect_text(Effect effect) {
  switch (effect) {
    case Effect::now: return "now";
    case Effect::next_connection: return "next connection";
    case Effect::reconnect: return "reconnect";
    case Effect::rebind: return "rebind";
  }
  return "";
}

std::vector<std::string> names_of(const std::vector<PropertyRule>& rules) {
  std::vector<std::string> names;
  names.reserve(rules.size());
  for (const PropertyRule& rule : rules) names.push_back(rule.name);
  return names;
}

std::string one_of(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace connmgr::services
