// Expense submission (SPEC 16.3) through a change of framing (16.7): many short clients, one flow.
//
//   client --- claim, a line ---> claims --> ledger --- the same with a length before it ---> ledger system
//   client <-- OK <claim's number> -------- reply <-- acknowledge
//
// The claim's input stream stays reserved until the flow ends: the next claim of that client is read only
// then, so claims of one client reach the ledger in order however many instances run, and a client that
// closes its side after the last one still gets its acknowledgment (S7).
#include <algorithm>
#include <string>

#include "nodes/compute_node.h"
#include "nodes/samples/samples.h"
#include "nodes/tcpip_nodes.h"

namespace connmgr::nodes::samples {
namespace {

// "OK " and the claim up to its first space: its number.
void acknowledge(Message& message) {
  std::string& body = message.edit_body();
  body.resize(std::min(body.find(' '), body.size()));
  body.insert(0, "OK ");
}

}  // namespace

std::unique_ptr<Flow> make_expenses(ExecutionGroup& group, const SampleOptions& options) {
  auto flow = std::make_unique<Flow>(
      group, FlowSettings{.name = "expenses", .instances = options.instances ? options.instances : 64});
  auto& claims =
      flow->add<TcpipServerInputNode>("claims", {.connection_details = "pos",
                                                 .records = records::line_end(),
                                                 .input_stream = StreamChange::reserve_until_flow_end});
  auto& ledger = flow->add<TcpipClientOutputNode>(
      "ledger", {.connection_details = "ledger", .records = records::length_prefix(4)});
  auto& acknowledgment = flow->add<ComputeNode>("acknowledgment", acknowledge);
  auto& reply = flow->add<TcpipServerOutputNode>(
      "reply", {.connection_details = "pos", .records = records::line_end()});
  claims.out >> ledger >> acknowledgment >> reply;
  return flow;
}

}  // namespace connmgr::nodes::samples
