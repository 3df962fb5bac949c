// From YAML to a Scenario. Every mistake is kept with its place and reading goes on, so that one run shows
// all.
#include <algorithm>
#include <fstream>
#include <functional>
#include <sstream>

#include "tests/scenarios/enum_names.h"
#include "tests/scenarios/scenario.h"
#include "tests/scenarios/yaml_reader.h"

namespace connmgr::scenarios {

const Written* Sentence::find(std::string_view detail) const {
  for (const auto& [name, written] : details) {
    if (name == detail) return &written;
  }
  return nullptr;
}

namespace {

class Reader : YamlReader {
 public:
  Reader(const YAML::Node& root, const std::filesystem::path& file) : YamlReader(file.string()) {
    read(root, file);
  }

  Scenario take() {
    if (!mistakes().empty()) throw ScenarioMistakes(mistakes());
    return std::move(scenario_);
  }

 private:
  void read(const YAML::Node& root, const std::filesystem::path& file) {
    scenario_.file = file;
    scenario_.settings.retry.jitter = 0;  // times of attempts are exact unless a scenario asks for chance
    scenario_.peer = {{ConnectAnswer{}}, std::chrono::milliseconds(1), std::chrono::milliseconds(1)};
    bool expects = false;
    std::vector<YAML::Node> main_steps;
    std::vector<YAML::Node> threads;
    const std::vector<Key> keys{
        {"description",
         [&](const YAML::Node& n) {
           if (is_scalar(n, "description")) scenario_.description = n.Scalar();
         }},
        {"rules", [&](const YAML::Node& n) { is_list(n, "rules"); }},
        {"pool",
         [&](const YAML::Node& n) {
           each_key(n, "pool", [&](const Written& key, const YAML::Node& value) {
             read_setting(scenario_.settings, key, value);
           });
         }},
        {"peer", [&](const YAML::Node& n) { read_peer(n, scenario_.peer); }},
        {"shards",
         [&](const YAML::Node& n) {
           read_number(n, "shards", 1, 256,
                       [&](std::uint64_t v) { scenario_.shards = static_cast<std::uint32_t>(v); });
         }},
        {"begins",
         [&](const YAML::Node& n) {
           read_choice(n, "begins", "paused", "running", scenario_.begins_paused);
         }},
        {"timers",
         [&](const YAML::Node& n) { read_choice(n, "timers", "first", "last", scenario_.timers_first); }},
        {"steps", [&](const YAML::Node& n) { main_steps.push_back(n); }},
        {"threads", [&](const YAML::Node& n) { threads.push_back(n); }},
        {"ignore", [&](const YAML::Node& n) { read_ignored(n); }},
        {"expect",
         [&](const YAML::Node& n) {
           expects = true;
           read_expected(n);
         }},
        {"finally", [&](const YAML::Node& n) { read_finally(n); }},
    };
    read_keys(root, "scenario", keys);
    for (const YAML::Node& node : main_steps) scenario_.threads.push_back({"main", read_steps(node)});
    for (const YAML::Node& node : threads) {
      each_key(node, "threads", [&](const Written& name, const YAML::Node& steps) {
        if (name.text == "main") mistake(name.where, "the thread 'main' is what stands under steps");
        scenario_.threads.push_back({name.text, read_steps(steps)});
      });
    }
    if (scenario_.description.empty())
      mistake({1, 1}, "description is missing: one line that says what must hold");
    if (!expects) mistake({1, 1}, "expect is missing: the list of events, which may be empty");
    if (scenario_.threads.empty()) mistake({1, 1}, "nothing happens: there are neither steps nor threads");
    check_references();
  }

  // --- the world ----------------------------------------------------------------------------------------

  // One of two words; the other one is what holds unless written.
  void read_choice(const YAML::Node& node, std::string_view what, std::string_view word,
                   std::string_view otherwise, bool& chosen) {
    if (!is_scalar(node, what)) return;
    chosen = node.Scalar() == word;
    if (chosen || node.Scalar() == otherwise) return;
    not_allowed(written_in(node), what, std::string(word).append(", ").append(otherwise));
  }

  void read_setting(PoolSettings& settings, const Written& key, const YAML::Node& value) {
    if (!is_scalar(value, key.text)) return;
    const SettingRead read = set(settings, key.text, value.Scalar());
    if (!read.known) {
      unknown(key.where, "setting", key.text, setting_names());
    } else if (!read.good) {
      not_allowed(written_in(value), key.text, read.allowed);
    }
  }

  void read_peer(const YAML::Node& node, PeerBehaviour& peer) {
    const auto delay = [this](std::string_view name, bool never, std::optional<Duration>& into) {
      return [this, name, never, &into](const YAML::Node& n) {
        if (!is_scalar(n, name)) return;
        const Kind kind = never ? Kind::duration_or_never : Kind::duration;
        if (!well_formed(kind, n.Scalar())) return not_allowed(written_in(n), name, allowed(kind));
        into = duration_or_never_from(n.Scalar());
      };
    };
    read_keys(node, "peer",
              {{"connects",
                [&](const YAML::Node& n) {
                  peer.connects.clear();
                  if (n.IsSequence() && n.size() != 0) {
                    for (const YAML::Node& one : n) peer.connects.push_back(read_answer(one));
                  } else {
                    peer.connects.push_back(read_answer(n));
                  }
                }},
               {"closes_in", delay("closes_in", true, peer.closes_in)},
               {"aborts_in", delay("aborts_in", false, peer.aborts_in)}});
  }

  // 10ms | hang | fail [with REASON] [after DURATION]
  ConnectAnswer read_answer(const YAML::Node& node) {
    ConnectAnswer answer;
    if (!is_scalar(node, "connects")) return answer;
    if (const auto after = duration_from(node.Scalar())) {
      answer.after = *after;
      return answer;
    }
    std::istringstream words(node.Scalar());
    std::string word;
    std::string value;
    words >> word;
    answer.kind = word == "hang" ? ConnectAnswer::Kind::hangs : ConnectAnswer::Kind::fails;
    answer.after = std::chrono::milliseconds(1);
    bool good = word == "hang" || word == "fail";
    while (words >> word) {
      words >> value;
      if (word == "with" && value_of<Errc>(value))
        answer.reason = *value_of<Errc>(value);
      else if (word == "after" && duration_from(value))
        answer.after = *duration_from(value);
      else
        good = false;
    }
    if (!good)
      not_allowed(written_in(node), "connects",
                  "10ms, hang, fail, fail with REASON after 10ms, or a list of such");
    return answer;
  }

  // --- steps and events ---------------------------------------------------------------------------------

  std::vector<Sentence> read_steps(const YAML::Node& node) {
    std::vector<Sentence> steps;
    if (!is_list(node, "steps")) return steps;
    for (const YAML::Node& one : node) {
      if (auto step = read_sentence(one, "action", step_words())) steps.push_back(std::move(*step));
    }
    return steps;
  }

  void read_expected(const YAML::Node& node) {
    scenario_.expect_at = position_of(node);
    if (!is_list(node, "expect")) return;
    for (const YAML::Node& one : node) {
      if (auto event = read_sentence(one, "event", event_words()))
        scenario_.expected.push_back(std::move(*event));
    }
  }

  // `- name`, `- name: value` or `- name: {detail: value, ...}`
  std::optional<Sentence> read_sentence(const YAML::Node& node, const std::string& what,
                                        const std::vector<Word>& words) {
    YAML::Node arguments;
    Written name;
    if (node.IsScalar()) {
      name = written_in(node);
    } else if (node.IsMap() && node.size() == 1 && node.begin()->first.IsScalar()) {
      name = written_in(node.begin()->first);
      arguments.reset(node.begin()->second);
    } else {
      mistake(position_of(node), "expected one " + what + ", as in `- name` or `- name: value`");
      return std::nullopt;
    }
    const Word* const word = find_word(words, name.text);
    if (word == nullptr) {
      std::vector<std::string_view> names;
      for (const Word& known : words) names.push_back(known.name);
      unknown(name.where, what, name.text, names);
      return std::nullopt;
    }
    Sentence sentence{word, name.where, {}, {}, {}};
    if (word->also == Word::Also::settings) {
      each_key(arguments, name.text, [&](const Written& key, const YAML::Node& value) {
        PoolSettings tried;
        read_setting(tried, key, value);
        if (value.IsScalar()) sentence.settings.emplace_back(key.text, written_in(value));
      });
    } else if (word->also == Word::Also::answers) {
      read_peer(arguments, sentence.peer);
    } else if (arguments.IsScalar()) {
      if (word->details.empty()) {
        mistake(position_of(arguments), name.text + " takes no value");
      } else {
        read_detail(sentence, word->details.front(), arguments);
      }
    } else {
      each_key(arguments, name.text, [&](const Written& key, const YAML::Node& value) {
        if (const Detail* const detail = word->detail(key.text)) return read_detail(sentence, *detail, value);
        std::vector<std::string_view> names;
        for (const Detail& known : word->details) names.push_back(known.name);
        unknown(key.where, "detail of " + name.text, key.text, names);
      });
    }
    for (const Detail& detail : word->details) {
      if (detail.required && sentence.find(detail.name) == nullptr) {
        mistake(name.where, name.text + ": " + std::string(detail.name) + " is missing");
      }
    }
    return sentence;
  }

  void read_detail(Sentence& sentence, const Detail& detail, const YAML::Node& value) {
    if (!is_scalar(value, detail.name)) return;
    const Written written = written_in(value);
    if (!well_formed(detail.kind, written.text))
      return not_allowed(written, detail.name, allowed(detail.kind));
    if (detail.kind == Kind::event && find_word(event_words(), written.text) == nullptr)
      unknown_event(written);
    sentence.details.emplace_back(detail.name, written);
  }

  void unknown_event(const Written& found) {
    std::vector<std::string_view> names;
    for (const Word& known : event_words()) names.push_back(known.name);
    unknown(found.where, "event", found.text, names);
  }

  void read_ignored(const YAML::Node& node) {
    if (!is_list(node, "ignore")) return;
    for (const YAML::Node& one : node) {
      if (!is_scalar(one, "an event to ignore")) continue;
      if (find_word(event_words(), one.Scalar()) == nullptr) unknown_event(written_in(one));
      scenario_.ignored.insert(one.Scalar());
    }
  }

  // --- the end ------------------------------------------------------------------------------------------

  void read_finally(const YAML::Node& node) {
    std::vector<Key> keys;
    for (const std::string_view name : count_names()) {
      keys.push_back({name, [this, name](const YAML::Node& n) {
                        read_number(n, name, 0, UINT64_MAX, [&](std::uint64_t value) {
                          scenario_.counts.push_back({std::string(name), value, position_of(n)});
                        });
                      }});
    }
    keys.push_back({"closed_because", [this](const YAML::Node& n) {
                      each_key(n, "closed_because", [this](const Written& key, const YAML::Node& value) {
                        const auto cause = value_of<CloseCause>(key.text);
                        if (!cause) return not_allowed(key, "closed_because", allowed(Kind::cause));
                        read_number(value, key.text, 0, UINT64_MAX, [&](std::uint64_t count) {
                          scenario_.closed_because.push_back({*cause, count, key.where});
                        });
                      });
                    }});
    keys.push_back({"connections", [this](const YAML::Node& n) { read_connections(n); }});
    read_keys(node, "finally", keys);
  }

  void read_connections(const YAML::Node& node) {
    each_key(node, "connections", [this](const Written& key, const YAML::Node& value) {
      const auto number = number_from(key.text);
      if (!number) return not_allowed(key, "connections", "the number of a connection");
      FinalConnection last{*number, {}, {}, {}, key.where};
      const auto text_into = [this](std::optional<std::string>& into, const std::string& what, auto valid) {
        return [this, &into, what, valid](const YAML::Node& n) {
          if (!is_scalar(n, what)) return;
          if (!valid(n.Scalar())) return not_allowed(written_in(n), what, "a state as README.md lists them");
          into = n.Scalar();
        };
      };
      const auto of_connection = [](const std::string& s) {
        return value_of<ConnectionState>(s).has_value();
      };
      const auto of_stream = [](const std::string& s) { return value_of<StreamState>(s).has_value(); };
      read_keys(value, "connections",
                {{"state", text_into(last.state, "state", of_connection)},
                 {"input", text_into(last.input, "input", of_stream)},
                 {"output", text_into(last.output, "output", of_stream)}});
      scenario_.connections.push_back(last);
    });
  }

  // --- names that stand for one another -------------------------------------------------------------------

  void check_references() {
    std::set<std::string, std::less<>> labels;
    std::set<std::string, std::less<>> nodes;
    std::set<std::string, std::less<>> threads;
    for (const Thread& thread : scenario_.threads) {
      threads.insert(thread.name);
      for (const Sentence& step : thread.steps) {
        each_detail(step, [&](const Detail& detail, const Written& value) {
          if (detail.kind != Kind::new_label && detail.kind != Kind::new_node) return;
          auto& names = detail.kind == Kind::new_label ? labels : nodes;
          const bool reserved_word = value.text == "nobody" || value.text.find('.') != std::string::npos;
          if (reserved_word || !names.insert(value.text).second)
            not_allowed(value, detail.name, allowed(detail.kind));
        });
      }
    }
    const auto is_label = [&](std::string_view text) {
      const std::size_t dot = text.rfind('.');
      return labels.contains(text) ||
             (dot != text.npos && nodes.contains(text.substr(0, dot)) && number_from(text.substr(dot + 1)));
    };
    const auto look_up = [&](const Detail& detail, const Written& value) {
      if (detail.kind == Kind::connection && number_from(value.text)) return;
      if (detail.kind == Kind::id && (number_from(value.text) || value.text == "nobody")) return;
      if (detail.kind == Kind::thread && !threads.contains(value.text))
        unknown(value.where, "thread", value.text, views(threads));
      if (detail.kind == Kind::node && !nodes.contains(value.text))
        unknown(value.where, "node", value.text, views(nodes));
      if (detail.kind != Kind::label && detail.kind != Kind::connection && detail.kind != Kind::id) return;
      if (!is_label(value.text)) unknown(value.where, "label", value.text, views(labels));
    };
    for (const Thread& thread : scenario_.threads) {
      for (const Sentence& step : thread.steps) each_detail(step, look_up);
    }
    for (const Sentence& event : scenario_.expected) each_detail(event, look_up);
  }

  static std::vector<std::string_view> views(const std::set<std::string, std::less<>>& names) {
    return {names.begin(), names.end()};
  }
  static void each_detail(const Sentence& sentence,
                          const std::function<void(const Detail&, const Written&)>& each) {
    for (const auto& [name, value] : sentence.details) each(*sentence.word->detail(name), value);
  }

  Scenario scenario_;
};

}  // namespace

std::vector<std::filesystem::path> scenario_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::filesystem::path extension = entry.path().extension();
    if (entry.is_regular_file() && (extension == ".yaml" || extension == ".yml"))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

Scenario read_scenario(const std::string& text, const std::filesystem::path& file) {
  try {
    return Reader(YAML::Load(text), file).take();
  } catch (const YAML::Exception& broken) {
    throw ScenarioMistakes(file.string() + ':' + std::to_string(broken.mark.line + 1) + ':' +
                           std::to_string(broken.mark.column + 1) + ": " + broken.msg);
  }
}

Scenario read_scenario(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw ScenarioMistakes(file.string() + ":1:1: cannot be read");
  std::ostringstream text;
  text << in.rdbuf();
  return read_scenario(text.str(), file);
}

}  // namespace connmgr::scenarios
