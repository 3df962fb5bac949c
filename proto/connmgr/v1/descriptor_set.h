// The schema with its comments, as protoc wrote it (--include_source_info), inside the program:
// a comment on a property is its description, so `describe` needs no file at run time (SPEC V2).
#pragma once

#include <string_view>

namespace connmgr::proto {

// A serialized google.protobuf.FileDescriptorSet. Lives as long as the program.
std::string_view descriptor_set();

}  // namespace connmgr::proto
