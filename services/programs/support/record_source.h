// What the records say: the lines of a file, over and over, or generated text. Both programs can make the
// same record from its number alone, so that the receiver can compare byte for byte.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "connmgr/core/error.h"
#include "services/programs/support/framing.h"
#include "services/programs/support/record_number.h"

namespace connmgr::programs {

class RecordSource {
 public:
  static Result<RecordSource> from_file(const std::string& path);
  // `record_bytes`: of the whole record, its number included.
  static Result<RecordSource> generated(std::size_t record_bytes);

  // The whole record. With a fixed length in the framing it is cut and filled up to that.
  void append_record(std::string& out, RecordNumber number, const Framing& framing) const;

  // Whether each record can be written with this framing; the failure names the line that cannot.
  Result<void> check_framing(const Framing& framing) const;

 private:
  struct Line {  // of bytes_, by place: views would not survive a move of a short string
    std::size_t begin = 0;
    std::size_t size = 0;
  };

  RecordSource() = default;
  std::string_view text_of(RecordNumber number, std::size_t number_size) const;

  std::string path_;  // empty: generated
  std::string bytes_;
  std::vector<Line> lines_;
  std::size_t record_bytes_ = 0;
};

}  // namespace connmgr::programs
