// What a scenario does to the connections and to the pool as a whole.
#include "tests/scenarios/details.h"
#include "tests/scenarios/enum_names.h"
#include "tests/scenarios/player.h"

namespace connmgr::scenarios {

// --- what happens to connections --------------------------------------------------------------------------

void Player::bytes_arrive(const Sentence& sentence) {
  const std::uint64_t connection = number_in(sentence);
  const ConnectionRef ref = wires_.at(connection).connection;
  record("BytesArrived", {std::to_string(connection)});
  // Who uses the input reads them itself; the pool hears of them when nobody does.
  const std::optional<ConnectionView> view = pool_.connection(ref);
  const bool used = view && in_use(view->streams[static_cast<std::size_t>(Direction::input)]);
  if (!used) pool_.data_arrived(ref, now_);
}

void Player::peer_closes(const Sentence& sentence) {
  const std::uint64_t connection = number_in(sentence);
  const bool unread = flag(sentence, "unread");
  record("PeerClosed", {std::to_string(connection), unread ? "true" : "false"});
  pool_.input_ended(wires_.at(connection).connection, unread, now_);
}

void Player::break_connection(const Sentence& sentence) {
  const std::uint64_t connection = number_in(sentence);
  const CloseCause cause = choice(sentence, "cause", CloseCause::reset);
  record("ConnectionBroken", {std::to_string(connection), std::string(name_of(cause))});
  pool_.broken(wires_.at(connection).connection, cause, now_);
}

void Player::close(const Sentence& sentence) {
  const std::uint64_t connection = number_in(sentence);
  const CloseCause cause = choice(sentence, "cause", CloseCause::node);
  record("CloseAsked", {std::to_string(connection), std::string(name_of(cause))});
  pool_.close(wires_.at(connection).connection, cause, now_);
}

void Player::connect_succeeds(const Sentence& sentence) {
  const std::uint64_t connection = number_in(sentence);
  if (!wires_.at(connection).attempting) fail(sentence.where, "this connection is not being established");
  answer(connection, true, {});
}

void Player::connect_fails(const Sentence& sentence) {
  const std::uint64_t connection = number_in(sentence);
  if (!wires_.at(connection).attempting) fail(sentence.where, "this connection is not being established");
  answer(connection, false, choice(sentence, "reason", Errc::connect_failed));
}

void Player::admit(const Sentence& sentence) {
  if (pool_.settings().role != PoolRole::server)
    fail(sentence.where, "only a server admits: pool: {role: server}");
  const std::uint64_t shard = number(sentence, "shard", 0);
  if (shard >= scenario_.shards) fail(sentence.where, "there is no such shard");
  const std::optional<Grant> admitted = pool_.admit(static_cast<ShardIndex>(shard), now_);
  if (!admitted) return record("ConnectionTurnedAway", {});
  record("ConnectionAdmitted", {std::to_string(meet(*admitted)), std::to_string(admitted->shard)});
}

void Player::grant_permit(const Sentence&) {
  ++permits_out_;
  record("PermitGranted", {});
  pool_.permit_granted(now_);
}

void Player::refuse_permit(const Sentence&) {
  record("PermitRefused", {});
  pool_.permit_refused(now_);
}

void Player::change_peer(const Sentence& sentence) {
  if (!sentence.peer.connects.empty()) {
    peer_.connects = sentence.peer.connects;
    next_answer_ = 0;
  }
  if (sentence.peer.closes_in) peer_.closes_in = sentence.peer.closes_in;
  if (sentence.peer.aborts_in) peer_.aborts_in = sentence.peer.aborts_in;
}

// --- steering ---------------------------------------------------------------------------------------------

void Player::start(const Sentence&) {
  record("PoolStarted", {});
  pool_.start(now_);
}

void Player::pause(const Sentence&) {
  record("PoolPaused", {});
  pool_.pause();
}

void Player::resume(const Sentence&) {
  record("PoolResumed", {});
  pool_.resume(now_);
}

void Player::purge(const Sentence& sentence) {
  const CloseCause cause = choice(sentence, "cause", CloseCause::purge);
  record("PoolPurged", {std::string(name_of(cause))});
  pool_.retire_all(cause, now_);
}

void Player::stop(const Sentence& sentence) {
  const Errc reason = choice(sentence, "reason", Errc::manager_stopped);
  record("PoolStopped", {std::string(name_of(reason))});
  pool_.stop(reason, choice(sentence, "cause", CloseCause::administrator), now_);
}

void Player::abort_all(const Sentence& sentence) {
  const CloseCause cause = choice(sentence, "cause", CloseCause::administrator);
  record("PoolAborted", {std::string(name_of(cause))});
  pool_.abort_all(cause, now_);
}

void Player::apply(const Sentence& sentence) {
  PoolSettings settings = pool_.settings();
  for (const auto& [name, value] : sentence.settings) set(settings, name, value.text);
  if (settings.role != scenario_.settings.role) fail(sentence.where, "the role of a pool is for life");
  record("SettingsApplied", {});
  pool_.apply(settings, now_);
}

}  // namespace connmgr::scenarios
