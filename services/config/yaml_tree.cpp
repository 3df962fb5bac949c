#include "services/config/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <istream>
#include <streambuf>
#include <utility>

#include "services/config/source_check.h"
#include "services/config/values.h"

namespace connmgr::services {
namespace {

// Reads where the text already is; std::istringstream would copy it.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view view) {
    char* begin = const_cast<char*>(view.data());  // a get area is never written to
    setg(begin, begin, begin + view.size());
  }
};

// Thrown through the parser to end it early; the mistake is told already.
struct Refused {};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view source, const std::string& file, Mistakes& mistakes)
      : source_(source), file_(file), mistakes_(mistakes) {}

  YamlNode take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override { add(node(YamlNode::Kind::nothing, mark)); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    const YamlNode alias = node(YamlNode::Kind::nothing, mark);
    refuse(alias,
           "found an alias (*), which service files do not have; "
           "what services share goes into the service Default");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                const std::string& value) override {
    YamlNode text = node(YamlNode::Kind::text, mark);
    text.text = value;
    text.quoted = tag == "!";
    check_tag(text, tag);
    if (text.quoted) check_closed(text, static_cast<std::size_t>(mark.pos));
    add(std::move(text));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    open(node(YamlNode::Kind::list, mark), tag);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    open(node(YamlNode::Kind::map, mark), tag);
  }
  void OnMapEnd() override { close(); }

 private:
  YamlNode node(YamlNode::Kind kind, const YAML::Mark& mark) {
    YamlNode made{.kind = kind, .line = mark.line + 1, .column = column_of(mark)};
    if (++count_ > kMostNodes) {
      refuse(made, "the file has more than " + std::to_string(kMostNodes) + " values");
    }
    return made;
  }

  // The parser counts bytes, people count characters. Goes on from the place before, so that a long line
  // costs its length once.
  int column_of(const YAML::Mark& mark) {
    const auto at = static_cast<std::size_t>(mark.pos);
    if (at > source_.size()) return mark.column + 1;
    if (mark.line != counted_line_) {
      counted_line_ = mark.line;
      counted_to_ = at - static_cast<std::size_t>(mark.column);
      continuations_ = 0;
    }
    const auto continues = [&](std::size_t i) {
      return (static_cast<unsigned char>(source_[i]) & 0xc0) == 0x80;
    };
    for (; counted_to_ < at; ++counted_to_) continuations_ += continues(counted_to_) ? 1 : 0;
    for (; counted_to_ > at; --counted_to_) continuations_ -= continues(counted_to_ - 1) ? 1 : 0;
    return mark.column + 1 - continuations_;
  }

  void check_tag(const YamlNode& made, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(made, "found a tag (!), which service files do not have");
  }

  // At the end of the input the parser takes an open quote for a closed one: a file cut there would pass.
  void check_closed(const YamlNode& text, std::size_t at) {
    if (at >= source_.size()) return;
    const char quote = source_[at];
    if (quote != '"' && quote != '\'') return;  // a block scalar
    for (++at; at < source_.size(); ++at) {
      if (source_[at] == '\\' && quote == '"') {
        ++at;
      } else if (source_[at] == quote) {
        if (quote == '"' || source_.substr(at + 1, 1) != "'") return;
        ++at;
      }
    }
    refuse(text, std::string("the quote ") + quote + " that opens here is not closed: the file is cut short");
  }

  void open(YamlNode made, const std::string& tag) {
    check_tag(made, tag);
    if (open_.size() == kMostDepth) {
      refuse(made, "lists and maps lie too deeply within each other, allowed " + std::to_string(kMostDepth) +
                       " levels");
    }
    open_.push_back(std::move(made));
  }

  void close() {
    YamlNode done = std::move(open_.back());
    open_.pop_back();
    add(std::move(done));
  }

  void add(YamlNode made) {
    if (open_.empty()) {
      root_ = std::move(made);
    } else {
      open_.back().items.push_back(std::move(made));
    }
  }

  [[noreturn]] void refuse(const YamlNode& at, std::string text) {
    mistakes_.add({file_, at.line, at.column}, "", std::move(text));
    throw Refused{};
  }

  std::string_view source_;
  const std::string& file_;
  Mistakes& mistakes_;
  YamlNode root_;
  std::vector<YamlNode> open_;  // lists and maps that have begun, outermost first
  std::size_t count_ = 0;
  int counted_line_ = -1;
  std::size_t counted_to_ = 0;
  int continuations_ = 0;
};

// The parser's own words are short; the commonest get the cause that people look for.
std::string explained(std::string message) {
  constexpr char kEndOfInput = '\x04';  // the parser takes it for a letter
  if (message.ends_with(kEndOfInput)) message.replace(message.size() - 1, 1, "not found");
  std::string text = "this is not YAML: " + printable(message, 200);  // may quote the file
  if (message == "illegal map value") {
    text +=
        " (a value stands where none may: look at the indentation, and at texts with ': ' in them, which "
        "need quotes)";
  } else if (message.find("not found") != std::string::npos || message.find("EOF") != std::string::npos) {
    text += " (is the file cut short?)";
  }
  return text;
}

}  // namespace

std::string shown(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::nothing: return "nothing";
    case YamlNode::Kind::list: return "a list";
    case YamlNode::Kind::map: return "a map";
    case YamlNode::Kind::text: break;
  }
  return "'" + printable(node.text) + "'";
}

std::optional<YamlNode> parse_yaml(std::string_view source, const std::string& file, Mistakes& mistakes) {
  if (!check_source(source, file, mistakes)) return std::nullopt;
  ViewBuffer buffer(source);
  std::istream stream(&buffer);
  TreeBuilder builder(source, file, mistakes);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) return YamlNode{.line = 1, .column = 1};
    YamlNode root = builder.take();
    if (parser.HandleNextDocument(builder)) {
      const YamlNode second = builder.take();
      mistakes.add({file, second.line, second.column}, "",
                   "found a second document (---), allowed one a file");
      return std::nullopt;
    }
    return root;
  } catch (const Refused&) {
  } catch (const YAML::Exception& error) {
    const bool known = !error.mark.is_null();
    mistakes.add({file, known ? error.mark.line + 1 : 0, known ? error.mark.column + 1 : 0}, "",
                 explained(error.msg));
  }
  return std::nullopt;
}

}  // namespace connmgr::services
