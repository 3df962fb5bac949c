// Reads YAML values into the messages of the schema by its rules: one reader for every property.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "services/config/mistake.h"
#include "services/config/schema_rules.h"
#include "services/config/yaml_tree.h"

namespace google::protobuf {
class Message;
}

namespace connmgr::services {

// Where a property was written, by its path ("port", "keepalive.idle"). Those with a mistake stay here,
// but not in the message, so that no further mistake is made of them.
struct Written {
  Place place{};
  bool readable = true;
  bool inherited = false;  // the service Default says it
};
using WrittenProperties = std::map<std::string, Written, std::less<>>;

class PropertyReader {
 public:
  // `base` goes before each path in messages: "client_services[0]".
  PropertyReader(std::string file, std::string base, WrittenProperties& written, Mistakes& mistakes)
      : file_(std::move(file)), base_(std::move(base)), written_(written), mistakes_(mistakes) {}

  // The file stands for one value on the command line: lines and columns would mean nothing.
  void without_lines() { lines_ = false; }

  // A map of properties; `path` is that of the group they belong to, empty for the service itself.
  void read_map(const YamlNode& map, const std::vector<PropertyRule>& rules, std::string_view path,
                google::protobuf::Message& into);

  // One value. `into` is the message that `rule.fields` starts from.
  void read(const YamlNode& value, const PropertyRule& rule, const std::string& path,
            google::protobuf::Message& into);

  void mistake(const YamlNode& at, std::string_view path, std::string text);

 private:
  // What is wrong with the value; empty: it was read.
  std::string read_value(const YamlNode& value, const PropertyRule& rule, google::protobuf::Message& into);
  std::string read_port(const YamlNode& value, const PropertyRule& rule, google::protobuf::Message& port);

  Place place_of(const YamlNode& node) const;

  std::string file_;
  std::string base_;
  WrittenProperties& written_;
  Mistakes& mistakes_;
  bool lines_ = true;
};

// "unknown property 'prot'; did you mean 'port'?"
std::string unknown_text(std::string_view what, std::string_view found,
                         const std::vector<std::string>& known);

}  // namespace connmgr::services
