#include "services/config/service_file.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <optional>
#include <utility>

#include "connmgr/v1/configurable_service.pb.h"

namespace connmgr::services {
namespace {

using google::protobuf::Message;

std::shared_ptr<Message> new_message(ServiceKind kind) {
  if (kind == ServiceKind::client) return std::make_shared<v1::ClientService>();
  return std::make_shared<v1::ServerService>();
}

// The sections of a file are the fields of the message ServiceFile; each holds services of one kind.
std::vector<std::string> section_names() {
  std::vector<std::string> names;
  const auto* type = v1::ServiceFile::descriptor();
  for (int i = 0; i < type->field_count(); ++i) names.push_back(type->field(i)->name());
  return names;
}

std::optional<ServiceKind> kind_of_section(const std::string& name) {
  const auto* field = v1::ServiceFile::descriptor()->FindFieldByName(name);
  if (field == nullptr) return std::nullopt;
  return field->message_type() == v1::ClientService::descriptor() ? ServiceKind::client : ServiceKind::server;
}

class FileReader {
 public:
  FileReader(const std::string& file, Mistakes& mistakes) : file_(file), mistakes_(mistakes) {}

  std::vector<ServiceRecord> read(const YamlNode& root) && {
    if (root.is(YamlNode::Kind::nothing)) return {};  // only comments
    if (!root.is(YamlNode::Kind::map)) {
      mistake(root, "", "found " + shown(root) + ", allowed a map of " + one_of(section_names()));
      return {};
    }
    std::map<std::string_view, int> lines;
    for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
      const YamlNode& key = root.items[i];
      const auto [seen, first] = lines.emplace(key.text, key.line);
      const auto kind = kind_of_section(key.text);
      if (!kind) {
        mistake(key, "", unknown_text("section", key.text, section_names()));
      } else if (!first) {
        mistake(
            key, "",
            "'" + key.text + "' is written twice, the first time in line " + std::to_string(seen->second));
      } else {
        read_section(key, root.items[i + 1], *kind);
      }
    }
    return std::move(records_);
  }

 private:
  void read_section(const YamlNode& key, const YamlNode& list, ServiceKind kind) {
    if (!list.is(YamlNode::Kind::list)) {
      const bool nothing = list.is(YamlNode::Kind::nothing);
      mistake(nothing ? key : list, key.text,
              nothing ? "has no value, allowed a list of services"
                      : "found " + shown(list) + ", allowed a list of services, each beginning with '- '");
      return;
    }
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      read_service(list.items[i], key.text + "[" + std::to_string(i) + "]", kind);
    }
  }

  void read_service(const YamlNode& node, const std::string& path, ServiceKind kind) {
    if (!node.is(YamlNode::Kind::map)) {
      mistake(node, path,
              "found " + shown(node) + ", allowed a map of properties, as in {name: orders, port: 7777}");
      return;
    }
    ServiceRecord record(kind, path, {file_, node.line, node.column});
    PropertyReader reader(file_, path, record.written, mistakes_);
    reader.read_map(node, properties_of(kind), "", *record.message);
    for (const PropertyRule& rule : properties_of(kind)) {
      if (rule.required && !record.written.contains(rule.name)) {
        mistake(node, path, rule.name + " is missing, allowed " + allowed_text(rule));
      }
    }
    records_.push_back(std::move(record));
  }

  void mistake(const YamlNode& at, std::string_view path, std::string text) {
    mistakes_.add({file_, at.line, at.column}, path, std::move(text));
  }

  const std::string& file_;
  Mistakes& mistakes_;
  std::vector<ServiceRecord> records_;
};

}  // namespace

ServiceRecord::ServiceRecord(ServiceKind of_kind, std::string at_path, Place at)
    : kind(of_kind), message(new_message(of_kind)), path(std::move(at_path)), place(std::move(at)) {}

std::string ServiceRecord::name() const {
  if (kind == ServiceKind::client) return static_cast<const v1::ClientService&>(*message).naming().name();
  return static_cast<const v1::ServerService&>(*message).naming().name();
}

const Place& ServiceRecord::place_of(std::string_view property) const {
  const auto found = written.find(property);
  return found == written.end() ? place : found->second.place;
}

bool ServiceRecord::says(std::string_view property) const {
  const auto found = written.find(property);
  return found != written.end() && !found->second.inherited;
}

bool ServiceRecord::readable(std::string_view property) const {
  const auto found = written.find(property);
  return found == written.end() || found->second.readable;
}

std::string ServiceRecord::path_of(std::string_view property) const {
  const bool in_a_file = place_of(property).line > 0;
  return path.empty() || !in_a_file ? std::string(property) : path + "." + std::string(property);
}

std::vector<ServiceRecord> read_service_file(std::string_view source, const std::string& file,
                                             Mistakes& mistakes) {
  const auto root = parse_yaml(source, file, mistakes);
  if (!root) return {};
  return FileReader(file, mistakes).read(*root);
}

void inherit(const ServiceRecord& defaults, ServiceRecord& record) {
  const std::shared_ptr<Message> merged = new_message(record.kind);
  merged->CopyFrom(*defaults.message);
  for (const PropertyRule& rule : properties_of(record.kind)) {
    if (!rule.own) continue;
    Message* holder = merged.get();
    for (std::size_t i = 0; i + 1 < rule.fields.size(); ++i) {
      holder = holder->GetReflection()->MutableMessage(holder, rule.fields[i]);
    }
    holder->GetReflection()->ClearField(holder, &rule.field());
  }
  merged->MergeFrom(*record.message);
  record.message = merged;
  for (const auto& [path, written] : defaults.written) {
    const PropertyRule* rule = find_property(properties_of(record.kind), path);
    if (rule != nullptr && !rule->own)
      record.written.emplace(path, Written{written.place, written.readable, true});
  }
}

}  // namespace connmgr::services
