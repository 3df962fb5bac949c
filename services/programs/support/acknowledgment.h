// The text with which a record is acknowledged: a template in which {number} stands for the record's number.
#pragma once

#include <string>
#include <string_view>

#include "services/programs/support/record_number.h"

namespace connmgr::programs {

class Acknowledgment {
 public:
  static constexpr const char* kUsual = "OK {number}";

  explicit Acknowledgment(std::string_view text = kUsual) {
    const auto at = text.find("{number}");
    numbered_ = at != std::string_view::npos;
    before_ = text.substr(0, at);
    if (numbered_) after_ = text.substr(at + 8);
  }

  void append(std::string& out, RecordNumber number) const {
    out += before_;
    if (numbered_) append_number(out, number);
    out += after_;
  }

 private:
  std::string before_;
  std::string after_;
  bool numbered_ = false;
};

enum class Reply { none, ack, echo };

}  // namespace connmgr::programs
