// The six TCP/IP nodes by name: client or server, Input, Output or Receive. They differ in which manager
// their connection details name (SPEC G4), and that a server's manager never opens a connection (G6).
#pragma once

#include <string>
#include <utility>

#include "connmgr/configurable_service.h"
#include "nodes/input_node.h"
#include "nodes/output_node.h"
#include "nodes/receive_node.h"

namespace connmgr::nodes {

class TcpipClientInputNode final : public InputNode {
 public:
  TcpipClientInputNode(std::string name, Settings settings)
      : InputNode(std::move(name), ServiceKind::client, std::move(settings)) {}
};

class TcpipServerInputNode final : public InputNode {
 public:
  TcpipServerInputNode(std::string name, Settings settings)
      : InputNode(std::move(name), ServiceKind::server, std::move(settings)) {}
};

class TcpipClientOutputNode final : public OutputNode {
 public:
  TcpipClientOutputNode(std::string name, Settings settings)
      : OutputNode(std::move(name), ServiceKind::client, std::move(settings)) {}
};

class TcpipServerOutputNode final : public OutputNode {
 public:
  TcpipServerOutputNode(std::string name, Settings settings)
      : OutputNode(std::move(name), ServiceKind::server, std::move(settings)) {}
};

class TcpipClientReceiveNode final : public ReceiveNode {
 public:
  TcpipClientReceiveNode(std::string name, Settings settings)
      : ReceiveNode(std::move(name), ServiceKind::client, std::move(settings)) {}
};

class TcpipServerReceiveNode final : public ReceiveNode {
 public:
  TcpipServerReceiveNode(std::string name, Settings settings)
      : ReceiveNode(std::move(name), ServiceKind::server, std::move(settings)) {}
};

}  // namespace connmgr::nodes
