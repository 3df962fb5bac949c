#include "services/programs/connmgr-host/host_report.h"

#include <algorithm>
#include <array>

#include "services/programs/support/report.h"
#include "services/programs/support/units.h"

namespace connmgr::programs {
namespace {

constexpr std::size_t kColumns = 9;
using Row = std::array<std::string, kColumns>;

Row row_of(const ManagerSnapshot& m) {
  return {m.name,
          m.kind == ServiceKind::client ? "client" : "server",
          m.address,
          count_text(m.counters.opened),
          count_text(m.counters.peak_used),
          count_text(m.counters.waits),
          count_text(m.counters.refused_connections + m.counters.refusals),
          count_text(m.records_in),
          count_text(m.records_out)};
}

}  // namespace

std::string managers_table(const std::vector<ManagerSnapshot>& managers) {
  std::vector<Row> rows{{"manager", "kind", "address", "opened", "most in use", "waits", "refused",
                         "records in", "records out"}};
  for (const ManagerSnapshot& manager : managers) rows.push_back(row_of(manager));
  Row::size_type width[kColumns] = {};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) {
      const std::string space(width[i] - row[i].size(), ' ');
      const bool number = i >= 3;  // numbers stand to the right
      text += (i == 0 ? "" : "  ") + (number ? space + row[i] : row[i] + (i + 1 < kColumns ? space : ""));
    }
    text += '\n';
  }
  return text;
}

std::string managers_json(const std::vector<ManagerSnapshot>& managers) {
  std::vector<JsonObject> objects;
  for (const ManagerSnapshot& m : managers) {
    JsonObject one;
    one.text("name", m.name);
    one.text("kind", m.kind == ServiceKind::client ? "client" : "server");
    one.text("address", m.address);
    one.number("port", std::uint64_t{m.port});
    one.number("opened", m.counters.opened);
    one.number("closed", m.counters.closed);
    one.number("open", std::uint64_t{m.gauges.open});
    one.number("peak_used", std::uint64_t{m.counters.peak_used});
    one.number("gets", m.counters.gets);
    one.number("frees", m.counters.frees);
    one.number("waits", m.counters.waits);
    one.number("timeouts", m.counters.timeouts);
    one.number("refusals", m.counters.refusals);
    one.number("refused_connections", m.counters.refused_connections);
    one.number("connect_failures", m.counters.connect_failures);
    one.number("records_in", m.records_in);
    one.number("records_out", m.records_out);
    one.number("bytes_in", m.bytes_in);
    one.number("bytes_out", m.bytes_out);
    objects.push_back(std::move(one));
  }
  JsonObject report;
  report.objects("managers", objects);
  return report.str();
}

}  // namespace connmgr::programs
