// The metadata that travels with a message through a flow (SPEC section 15): which connections it met,
// where the next nodes shall go, and what user code wants to keep with it.
//
// Belongs to its message; used by whoever holds the flow iteration, one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/connection_details.h"
#include "connmgr/core/error.h"
#include "connmgr/core/time.h"
#include "connmgr/io/connection.h"

namespace connmgr::nodes {

// How a message met one connection.
struct ConnectionUse {
  std::shared_ptr<const ConnectionDetails> connection;  // none: this part of the environment is empty
  std::string reply_id;                                 // what was kept with the connection (S10)
  std::uint64_t input_record = 0;  // sequence numbers, from 1 on each connection; 0: none
  std::uint64_t output_record = 0;

  explicit operator bool() const noexcept { return connection != nullptr; }
  ConnectionId id() const noexcept { return connection ? connection->id : ConnectionId{}; }
};

// One record that an Output node has written.
struct WrittenDestination {
  ConnectionUse use;
  io::SendOutcome outcome = io::SendOutcome::not_sent;
};

// What a message tells the next Output or Receive node, instead of the node's own settings.
struct Destination {
  std::string hostname;  // with `port`: another address, with the node's service
  std::uint16_t port = 0;
  ConnectionId id;                      // this connection
  std::optional<std::string> reply_id;  // to be kept with the connection, for whoever reads from it next
  std::optional<Duration> timeout;      // bounds waiting, connecting and the node's own I/O together
  std::optional<std::size_t> length;    // Receive with fixed length: bytes of the record
};

// Why a message is on its way through `failure`, `timeout` or `catch`.
struct FailureNote {
  Failure failure;
  std::string node;  // where it happened
};

// A place in a local environment by name, taken apart once, so that no message costs a look-up of names.
class EnvironmentPath {
 public:
  // `tcpip.input.connection.id`, `written_destination.tcpip.output[0].sequence_number.output_record`,
  // `destination.tcpip.receive.timeout`, `failure.text`, or the name of a field of the user's own. A path
  // that starts like one of ours, but names nothing, is a failure (invalid_configuration).
  static Result<EnvironmentPath> parse(std::string_view text);

 private:
  friend class LocalEnvironment;
  enum class Section : std::uint8_t { input, receive, written, to_output, to_receive, failure, user };
  enum class Field : std::uint8_t {
    connection_id,
    type,
    hostname,
    port,
    opened,
    reply_id,
    input_record,
    output_record,
    client_hostname,
    client_address,
    client_port,
    outcome,
    timeout,
    length,
    code,
    text,
    node
  };
  static std::optional<Field> field_of(Section section, std::string_view name);

  Section section_ = Section::user;
  Field field_ = Field::text;
  std::size_t index_ = kLast;  // written: which one
  std::string name_;           // user: the field's name
  static constexpr std::size_t kLast = ~std::size_t{0};
};

class LocalEnvironment {
 public:
  // What the nodes have written.
  const ConnectionUse& tcpip_input() const noexcept { return input_; }      // where the message came from
  const ConnectionUse& tcpip_receive() const noexcept { return receive_; }  // the last Receive
  std::span<const WrittenDestination> written() const noexcept { return {written_.data(), written_count_}; }
  const std::optional<FailureNote>& failure() const noexcept { return failure_; }

  // What the next Output and Receive nodes shall read.
  Destination& output_destination() noexcept { return to_output_; }
  Destination& receive_destination() noexcept { return to_receive_; }
  const Destination& output_destination() const noexcept { return to_output_; }
  const Destination& receive_destination() const noexcept { return to_receive_; }

  // Fields of the user's own.
  void set(std::string_view name, std::string_view value);
  const std::string* get(std::string_view name) const noexcept;  // nullptr: not set

  // Anything by its path, as text; nothing: not there.
  std::optional<std::string> find(std::string_view path) const;
  std::optional<std::string> find(const EnvironmentPath& path) const;
  // A connection id by its path (N10 `id_location`); empty: none there, or no id.
  ConnectionId find_id(const EnvironmentPath& path) const;

  // --- for nodes ---------------------------------------------------------------------------------
  void clear() noexcept;            // of everything; keeps memory for the next message
  void keep_only_input() noexcept;  // as it was when the message started
  ConnectionUse& write_input() noexcept { return input_; }
  ConnectionUse& write_receive() noexcept { return receive_; }
  WrittenDestination& add_written();
  WrittenDestination& last_written() noexcept { return written_[written_count_ - 1]; }
  void set_failure(FailureNote note) { failure_ = std::move(note); }

 private:
  struct UserField {
    std::string name;
    std::string value;
  };

  std::optional<std::string> find_in(const ConnectionUse& use, EnvironmentPath::Field field) const;
  std::optional<std::string> find_in(const Destination& destination, EnvironmentPath::Field field) const;

  ConnectionUse input_;
  ConnectionUse receive_;
  std::vector<WrittenDestination> written_;  // the first written_count_ of it: entries are used again
  std::size_t written_count_ = 0;
  Destination to_output_;
  Destination to_receive_;
  std::vector<UserField> user_;
  std::size_t user_count_ = 0;
  std::optional<FailureNote> failure_;
};

}  // namespace connmgr::nodes
