// What travels through a flow: a body (one record) and its local environment.
//
// The record as it came is kept until the iteration ends, for `catch`, `failure` and retry; the first
// change of the body moves it aside, so a body is never copied for that (DESIGN 3.9).
#pragma once

#include <string>
#include <string_view>

#include "nodes/local_environment.h"

namespace connmgr::nodes {

class Message {
 public:
  const std::string& body() const noexcept { return body_; }
  void set_body(std::string_view body);  // `body` may be a part of the present one
  // For changes in place. Copies the record first, if the failure routes may need it.
  std::string& edit_body();

  LocalEnvironment& local_environment() noexcept { return environment_; }
  const LocalEnvironment& local_environment() const noexcept { return environment_; }

  // --- for nodes ---------------------------------------------------------------------------------
  // A new record. `keep_original`: somebody may ask for it when the flow fails.
  void begin(std::string_view record, bool keep_original);
  void restore_original();  // body and environment as they were when the flow started
  void clear() noexcept;    // keeps memory for the next message

  // What one branch of a flow may not change for the next one.
  struct Saved {
    std::string body;
    LocalEnvironment environment;
  };
  void save(Saved& to) const;
  void restore(Saved& from);  // takes it

 private:
  void put_original_aside();

  std::string body_;
  std::string original_;  // if aside_
  bool aside_ = false;
  bool keep_original_ = false;
  LocalEnvironment environment_;
};

}  // namespace connmgr::nodes
