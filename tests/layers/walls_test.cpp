// Arrows point down: services -> nodes -> connmgr -> io -> core. Checked on every source of the tree, and
// the checker itself on planted breaches, so that it cannot pass by looking at nothing.
#include "tests/layers/walls.h"

#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

namespace connmgr::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::SizeIs;
using ::testing::StartsWith;

const std::filesystem::path kTop = CONNMGR_TOP;

std::string text_of(const std::string& path) {
  std::ifstream file(kTop / path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Walls, StandInTheWholeTree) {
  for (const std::string& path : files_of_rooms(kTop)) {
    for (const std::string& breach : breaches_of(path, text_of(path))) ADD_FAILURE() << breach;
  }
}

TEST(Walls, AreCheckedInEveryRoom) {
  EXPECT_THAT(files_of_rooms(kTop),
              IsSupersetOf({"connmgr/core/pool.h", "connmgr/core/error.cpp", "connmgr/io/network.h",
                            "connmgr/io/shard.cpp", "connmgr/execution_group.h",
                            "services/config/service_file.cpp"}));
}

TEST(Walls, NameFileLineAndRuleOfABreach) {
  const char* text = "// a pool\n#pragma once\n\n#include <vector>\n  #  include <asio.hpp>\n";

  EXPECT_THAT(
      breaches_of("connmgr/core/pool.h", text),
      ElementsAre(
          "connmgr/core/pool.h:5: includes asio.hpp; allowed here: the standard library, connmgr/core"));
}

struct Planted {
  const char* path;
  const char* include;
};

TEST(Walls, FindEachPlantedBreach) {
  const Planted planted[] = {
      {"connmgr/core/pool.cpp", "<unistd.h>"},
      {"connmgr/core/pool.cpp", "<spdlog/spdlog.h>"},
      {"connmgr/core/pool.cpp", "\"connmgr/io/shard.h\""},
      {"connmgr/core/pool.cpp", "\"connmgr/execution_group.h\""},
      {"connmgr/core/pool.cpp", "\"pool.h\""},  // paths start at the top of the tree
      {"connmgr/core/pool.cpp", "<boost/asio.hpp>"},
      {"connmgr/core/pool.cpp", "SOME_HEADER"},
      {"connmgr/io/network.h", "<asio/io_context.hpp>"},
      {"connmgr/io/shard.cpp", "<spdlog/spdlog.h>"},
      {"connmgr/io/shard.cpp", "\"connmgr/stream_lease.h\""},
      {"connmgr/stream_lease.h", "<unistd.h>"},
      {"connmgr/stream_lease.h", "<spdlog/spdlog.h>"},
      {"connmgr/stream_lease.cpp", "<asio.hpp>"},
      {"connmgr/stream_lease.cpp", "\"nodes/flow.h\""},
      {"connmgr/stream_lease.cpp", "\"services/load.h\""},
      {"connmgr/stream_lease.cpp", "\"connmgr/v1/options.pb.h\""},
      {"nodes/flow.h", "<spdlog/spdlog.h>"},
      {"nodes/flow.h", "\"connmgr/v1/local_environment.pb.h\""},
      {"nodes/flow.cpp", "\"services/load.h\""},
      {"nodes/flow.cpp", "<asio.hpp>"},
      {"nodes/flow.cpp", "<yaml-cpp/parser.h>"},
      {"services/config/values.h", "<yaml-cpp/parser.h>"},
      {"services/config/values.h", "<google/protobuf/message.h>"},
      {"services/config/values.h", "\"connmgr/v1/options.pb.h\""},
      {"services/config/values.cpp", "<asio.hpp>"},
      {"services/config/values.cpp", "\"tests/support/sim_network.h\""},
      {"proto/connmgr/v1/descriptor_set.h", "<google/protobuf/message.h>"},
  };
  for (const Planted& one : planted) {
    const auto breaches = breaches_of(one.path, std::string("#include ") + one.include + '\n');

    EXPECT_THAT(breaches, ElementsAre(StartsWith(std::string(one.path) + ":1: includes ")))
        << one.path << " includes " << one.include;
  }
}

TEST(Walls, LetThroughWhatIsAllowed) {
  const Planted fine[] = {
      {"connmgr/core/pool.cpp", "<vector>"},
      {"connmgr/core/pool.cpp", "\"connmgr/core/pool.h\""},
      {"connmgr/io/asio_loop.cpp", "<asio/io_context.hpp>"},
      {"connmgr/io/asio_loop.cpp", "\"connmgr/core/time.h\""},
      {"connmgr/io/asio/loop.h", "<asio/io_context.hpp>"},
      {"connmgr/io/resolver.cpp", "<ares.h>"},
      {"connmgr/execution_group.cpp", "<spdlog/spdlog.h>"},
      {"nodes/flow.h", "\"connmgr/stream_lease.h\""},
      {"services/config/values.cpp", "<yaml-cpp/parser.h>"},
      {"services/programs/connmgr-host.cpp", "\"nodes/flow.h\""},
      {"tests/io/sim_network_test.cpp", "<asio.hpp>"},  // no room: tests see everything
  };
  for (const Planted& one : fine) {
    EXPECT_THAT(breaches_of(one.path, std::string("#include ") + one.include + '\n'), IsEmpty());
  }
}

TEST(Walls, SeeEveryLineWhateverEndsTheFile) {
  EXPECT_THAT(breaches_of("connmgr/core/a.h", "#include <a.h>\n\n#include <b.h>"), SizeIs(2));
  EXPECT_THAT(breaches_of("connmgr/core/a.h", "// #include <a.h>\n"), IsEmpty());
  EXPECT_THAT(breaches_of("connmgr/core/a.h", ""), IsEmpty());
}

}  // namespace
}  // namespace connmgr::testing
