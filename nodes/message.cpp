#include "nodes/message.h"

#include <functional>

namespace connmgr::nodes {

void Message::put_original_aside() {
  if (aside_ || !keep_original_) return;
  std::swap(body_, original_);
  aside_ = true;
}

void Message::set_body(std::string_view body) {
  // A part of the present body: moving the original aside takes those bytes along.
  const std::less_equal<const char*> at_most;
  const bool own_part =
      at_most(body_.data(), body.data()) && at_most(body.data(), body_.data() + body_.size());
  const std::size_t offset = own_part ? static_cast<std::size_t>(body.data() - body_.data()) : 0;

  const bool was_aside = aside_;
  put_original_aside();
  if (own_part && aside_ != was_aside) body = std::string_view(original_).substr(offset, body.size());
  body_.assign(body);
}

std::string& Message::edit_body() {
  if (!aside_ && keep_original_) {
    put_original_aside();
    body_ = original_;
  }
  return body_;
}

void Message::begin(std::string_view record, bool keep_original) {
  body_.assign(record);
  aside_ = false;
  keep_original_ = keep_original;
}

void Message::restore_original() {
  if (aside_) {
    std::swap(body_, original_);
    aside_ = false;
  }
  environment_.keep_only_input();
}

void Message::clear() noexcept {
  // A huge record must not stay in memory with an iteration that waits for its next use.
  constexpr std::size_t kKept = 64 * 1024;
  for (std::string* text : {&body_, &original_}) {
    text->clear();
    if (text->capacity() > kKept) std::string().swap(*text);
  }
  aside_ = false;
  environment_.clear();
}

void Message::save(Saved& to) const {
  to.body = body_;
  to.environment = environment_;
}

void Message::restore(Saved& from) {
  put_original_aside();
  std::swap(body_, from.body);
  std::swap(environment_, from.environment);
}

}  // namespace connmgr::nodes
