// plant_faults FROM TO FILE...: copies the FILEs from one folder to another with the faults of
// planted_faults.h planted in them. Run by the build.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/core/faults/planted_faults.h"

namespace {

using connmgr::test::kPlantedFaults;
using connmgr::test::PlantedFault;

void fail(const PlantedFault& fault, const char* what) {
  std::fprintf(stderr, "fault %s: %s in %s: adapt tests/core/faults/planted_faults.h\n", fault.name.data(),
               what, fault.file.data());
  std::exit(1);
}

std::string planted(std::size_t number) {
  const PlantedFault& fault = kPlantedFaults[number];
  const std::string condition = "::connmgr::test::planted_fault == " + std::to_string(number);
  const std::string right(fault.right);
  const std::string wrong(fault.wrong);
  if (fault.right.back() == ';') return "if (" + condition + ") { " + wrong + " } else { " + right + " }";
  if (fault.right.find("push_back") != std::string_view::npos) {  // the name of a call, not an expression
    return "if (" + condition + ") " + wrong + "(index, [this](std::uint32_t i) -> IndexLinks& " +
           "{ return waiters_[i].links; }); else " + right;
  }
  return "(" + condition + " ? (" + wrong + ") : (" + right + "))";
}

std::string with_faults(std::string_view file, const std::string& source) {
  std::string text = source;
  for (std::size_t number = 0; number < std::size(kPlantedFaults); ++number) {
    const PlantedFault& fault = kPlantedFaults[number];
    if (fault.file != file) continue;
    const std::size_t place = text.find(fault.place);
    if (place == std::string::npos) fail(fault, "its place is not found");
    if (text.find(fault.place, place + 1) != std::string::npos) fail(fault, "its place is found twice");
    const std::size_t right = text.find(fault.right, place);
    if (right == std::string::npos) fail(fault, "what is right is not found after its place");
    text.replace(right, fault.right.size(), planted(number));
  }
  return "#include \"tests/core/faults/planted_faults.h\"\n" + text;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 3; i < argc; ++i) {
    const std::string file = argv[i];
    std::ifstream from(std::string(argv[1]) + "/" + file);
    const std::string source{std::istreambuf_iterator<char>(from), {}};
    std::ofstream to(std::string(argv[2]) + "/" + file);
    to << with_faults(file, source);
    if (source.empty() || !to.flush()) {
      std::fprintf(stderr, "cannot copy %s from %s to %s\n", argv[i], argv[1], argv[2]);
      return 1;
    }
  }
}
