// What the threads of a scenario do: requests, and time. What happens to connections: player_doings.cpp.
#include "connmgr/core/check.h"
#include "tests/scenarios/details.h"
#include "tests/scenarios/enum_names.h"
#include "tests/scenarios/player.h"

namespace connmgr::scenarios {
namespace {

std::string in_words(const Sentence& sentence) {
  std::string words(sentence.word->name);
  for (const auto& [name, value] : sentence.details)
    words.append(" ").append(name).append("=").append(value.text);
  for (const auto& [name, value] : sentence.settings)
    words.append(" ").append(name).append("=").append(value.text);
  return words;
}

}  // namespace

Player::Doing Player::action_of(std::string_view word) {
  static const std::map<std::string_view, Doing> actions{
      {"acquire", &Player::acquire},
      {"request", &Player::request},
      {"await", &Player::await_request},
      {"cancel", &Player::cancel},
      {"release", &Player::release},
      {"change", &Player::change},
      {"undo", &Player::undo},
      {"end_flow", &Player::end_flow},
      {"subscribe", &Player::subscribe},
      {"unsubscribe", &Player::unsubscribe},
      {"bytes_arrive", &Player::bytes_arrive},
      {"peer_closes", &Player::peer_closes},
      {"break", &Player::break_connection},
      {"close", &Player::close},
      {"connect_succeeds", &Player::connect_succeeds},
      {"connect_fails", &Player::connect_fails},
      {"admit", &Player::admit},
      {"grant_permit", &Player::grant_permit},
      {"refuse_permit", &Player::refuse_permit},
      {"peer", &Player::change_peer},
      {"start", &Player::start},
      {"pause", &Player::pause},
      {"resume", &Player::resume},
      {"purge", &Player::purge},
      {"stop", &Player::stop},
      {"abort_all", &Player::abort_all},
      {"apply", &Player::apply},
      {"wait", &Player::wait},
      {"wait_until", &Player::wait_until},
      {"wait_for", &Player::wait_for},
      {"start_thread", &Player::start_thread},
      {"join", &Player::join},
  };
  const auto found = actions.find(word);
  return found == actions.end() ? nullptr : found->second;
}

void Player::step(const Sentence& sentence) {
  note(threads_[current_].thread->name + ": " + in_words(sentence));
  const Doing action = action_of(sentence.word->name);
  check(action != nullptr, "every action of the vocabulary can be done");
  (this->*action)(sentence);
  carry_out();
}

// --- requests ---------------------------------------------------------------------------------------------

void Player::acquire(const Sentence& sentence) {
  request(sentence);
  await_request(sentence);
}

void Player::request(const Sentence& sentence) {
  const std::string& label = text(sentence, "label");
  const Ask ask = ask_of(sentence);
  Use& use = uses_[label];
  use.other = ask.other_stream;
  const Answer answer = pool_.acquire(ask, now_);
  switch (answer.kind) {
    case Answer::Kind::granted: return granted(label, answer.grant, Duration::zero());
    case Answer::Kind::refused:
      use.state = Use::State::refused;
      return record("RequestRefused",
                    {label, std::string(name_of(answer.refusal)), to_text(Duration::zero())});
    case Answer::Kind::waiting: use.ticket = answer.ticket; return record("RequestWaiting", {label});
  }
}

Ask Player::ask_of(const Sentence& sentence) {
  Ask ask;
  ask.direction = choice(sentence, "direction", Direction::output);
  if (const Written* const id = sentence.find("id")) {
    ask.id = id->text == "nobody" ? ConnectionId{kNoSlot - 1, 1, 42} : wires_.at(number_in(*id)).id;
  }
  if (flag(sentence, "guessed")) ask.id.secret ^= 1;
  if (flag(sentence, "reserve_other")) ask.other_stream = StreamChange::reserve;
  ask.other_stream = choice(sentence, "other", ask.other_stream);
  ask.with_data = flag(sentence, "with_data");
  ask.may_open = flag(sentence, "may_open", true);
  ask.shard = static_cast<ShardIndex>(number(sentence, "shard", 0));
  if (const Written* const limit = sentence.find("data_timeout")) {
    ask.data_timeout = *duration_or_never_from(limit->text);
  }
  if (const Written* const limit = sentence.find("timeout")) {
    ask.connection_timeout = duration_or_never_from(limit->text);
  }
  return ask;
}

void Player::await_request(const Sentence& sentence) {
  const std::string& label = text(sentence, "label");
  const auto use = uses_.find(label);
  const bool ended = use != uses_.end() && use->second.state != Use::State::waiting;
  if (!ended) block(Running::Waits::for_request, label);
}

void Player::cancel(const Sentence& sentence) {
  const std::string& label = text(sentence, "label");
  Use& use = use_of(sentence);
  const bool left = pool_.cancel(use.ticket, now_);
  if (left != (use.state == Use::State::waiting)) fail(sentence.where, "cancel() says the wrong thing");
  if (!left) return record("CancelTooLate", {label});
  use.state = Use::State::cancelled;
  record("RequestCancelled", {label});
  wake(Running::Waits::for_request, label);
}

void Player::release(const Sentence& sentence) {
  Use& use = granted_use(sentence);
  Return how;
  how.own = choice(sentence, "own", how.own);
  how.other = choice(sentence, "other", how.other);
  how.unread = flag(sentence, "unread");
  use.state = Use::State::returned;
  record("StreamReturned", {text(sentence, "label"), std::to_string(number_of(use.grant.connection)),
                            std::string(name_of(use.grant.direction))});
  const Reserved made = pool_.give_back(use.grant.connection, use.grant.direction, how, now_);
  if (how.own == StreamChange::reserve_until_flow_end) use.until_flow_end.push_back(made.own);
  if (how.other == StreamChange::reserve_until_flow_end) use.until_flow_end.push_back(made.other);
}

void Player::change(const Sentence& sentence) {
  const std::uint64_t connection = number_in(sentence);
  record("ReservationChanged",
         {std::to_string(connection), text(sentence, "direction"), text(sentence, "to")});
  pool_.modify(wires_.at(connection).connection, choice(sentence, "direction", Direction::output),
               choice(sentence, "to", StreamChange::leave_unchanged), now_);
}

void Player::undo(const Sentence& sentence) {
  const Use& use = granted_use(sentence);
  if (!use.grant.other_reservation) fail(sentence.where, "this request has reserved nothing");
  record("ReservationUndone", {text(sentence, "label")});
  pool_.release(use.grant.other_reservation, now_);
}

void Player::end_flow(const Sentence& sentence) {
  Use& use = granted_use(sentence, Use::State::returned);
  record("FlowEnded", {text(sentence, "label")});
  for (const Reservation& reservation : use.until_flow_end) pool_.release(reservation, now_);
  use.until_flow_end.clear();
}

void Player::subscribe(const Sentence& sentence) {
  const std::string& node = text(sentence, "node");
  record("NodeSubscribed", {node});
  nodes_[node] = pool_.subscribe({}, now_);
}

void Player::unsubscribe(const Sentence& sentence) {
  record("NodeUnsubscribed", {text(sentence, "node")});
  const auto subscription = nodes_.find(text(sentence, "node"));
  if (subscription == nodes_.end()) fail(sentence.where, "this node has not subscribed yet");
  pool_.unsubscribe(subscription->second);
}

Player::Use& Player::use_of(const Sentence& sentence) {
  const Written& label = *sentence.find("label");
  const auto use = uses_.find(label.text);
  if (use == uses_.end()) fail(label.where, "'" + label.text + "' has not been acquired yet");
  return use->second;
}

// The use under this label, which must be held; or, where `returned` will do, have been held.
Player::Use& Player::granted_use(const Sentence& sentence, Use::State wanted) {
  Use& use = use_of(sentence);
  if (use.state == wanted || use.state == Use::State::granted) return use;
  const char* const why = use.state == Use::State::waiting     ? "waits still"
                          : use.state == Use::State::refused   ? "was refused"
                          : use.state == Use::State::cancelled ? "was cancelled"
                                                               : "has been released already";
  fail(sentence.find("label")->where, "'" + text(sentence, "label") + "' " + why);
}

std::uint64_t Player::number_in(const Sentence& sentence) {
  return number_in(*sentence.find("connection"));
}

std::uint64_t Player::number_in(const Written& target) {
  if (const auto number = number_from(target.text)) {
    if (!wires_.contains(*number)) fail(target.where, "there is no connection " + target.text + " yet");
    return *number;
  }
  const auto use = uses_.find(target.text);
  if (use == uses_.end() || !use->second.grant.connection) {
    fail(target.where, "'" + target.text + "' has not got a connection (yet)");
  }
  return number_of(use->second.grant.connection);
}

// --- time and other threads -------------------------------------------------------------------------------

void Player::wait(const Sentence& sentence) {
  sleep(*duration_from(text(sentence, "for")));
}

void Player::wait_until(const Sentence& sentence) {
  const Duration at = *duration_from(text(sentence, "at"));
  if (at < elapsed()) fail(sentence.where, to_text(at) + " has passed already: it is " + to_text(elapsed()));
  sleep(at - elapsed());
}

void Player::wait_for(const Sentence& sentence) {
  const std::string& event = text(sentence, "event");
  const std::uint64_t count = number(sentence, "count", 1);
  const auto seen = seen_.find(event);
  if (seen == seen_.end() || seen->second < count) block(Running::Waits::for_event, event, count);
}

void Player::start_thread(const Sentence& sentence) {
  const std::string& name = text(sentence, "thread");
  for (const Running& other : threads_) {
    if (other.thread->name == name && other.waits != Running::Waits::for_start) {
      fail(sentence.where, "thread '" + name + "' has been started already");
    }
  }
  wake(Running::Waits::for_start, name);
}

void Player::join(const Sentence& sentence) {
  for (const Running& other : threads_) {
    if (other.thread->name != text(sentence, "thread") || other.done()) continue;
    block(Running::Waits::for_thread, other.thread->name);
  }
}

}  // namespace connmgr::scenarios
