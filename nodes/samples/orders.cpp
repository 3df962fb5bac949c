// Request and reply in one flow (SPEC 16.1).
//
//   asker --- a line ---> requests --> ask --- request ---> order system
//                                      answer <--- reply --- (the same connection)
//   asker <-- a line ---- reply <------'  timeout: "TIMEOUT"
//
// `ask` reserves the input stream of the connection it writes to *before* it writes, so nobody else can
// read the answer; `answer` reads from the connection that this message used last on the same service.
// (An answer that comes after the timeout stays on its connection, for the next one to read: an order system
// that may be late should say in its answers what they answer. Closing on a timeout is for close options.)
#include "nodes/compute_node.h"
#include "nodes/samples/samples.h"
#include "nodes/tcpip_nodes.h"

namespace connmgr::nodes::samples {

std::unique_ptr<Flow> make_orders(ExecutionGroup& group, const SampleOptions& options) {
  auto flow = std::make_unique<Flow>(
      group, FlowSettings{.name = "orders", .instances = options.instances ? options.instances : 16});
  auto& requests =
      flow->add<TcpipServerInputNode>("requests", {.connection_details = "shop",
                                                   .records = records::line_end(),
                                                   .input_stream = StreamChange::reserve_until_flow_end});
  auto& ask = flow->add<TcpipClientOutputNode>("ask", {.connection_details = "orders",
                                                       .records = records::length_prefix(4),
                                                       .input_stream = StreamChange::reserve_until_flow_end});
  auto& answer = flow->add<TcpipClientReceiveNode>("answer", {.connection_details = "orders",
                                                              .records = records::length_prefix(4),
                                                              .first_byte_timeout = std::chrono::seconds(5)});
  auto& too_late = flow->add<ComputeNode>("too late", [](Message& message) { message.set_body("TIMEOUT"); });
  auto& sorry = flow->add<ComputeNode>("sorry", [](Message& message) { message.set_body("ERROR"); });
  auto& reply = flow->add<TcpipServerOutputNode>(
      "reply", {.connection_details = "shop", .records = records::line_end()});
  requests.out >> ask >> answer >> reply;
  answer.timeout >> too_late >> reply;
  ask.failure >> sorry >> reply;
  answer.failure >> sorry;
  return flow;
}

}  // namespace connmgr::nodes::samples
