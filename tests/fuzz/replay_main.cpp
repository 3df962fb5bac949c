// The main of a fuzz harness without libFuzzer: runs the files that are named (cases once found), or a number
// of seeded random inputs. It says which input is being run only when that input ends the program.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::uint8_t> input;  // the one being run

void on_abort(int) {
  std::fprintf(stderr, "the input, as hex:\n");
  for (const std::uint8_t byte : input) std::fprintf(stderr, "%02x", byte);
  std::fprintf(stderr, "\n");
}

void run(std::vector<std::uint8_t> bytes) {
  input = std::move(bytes);
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

// Lengths and letters vary: evenly spread bytes alone hardly ever repeat, and formats live of repetition.
std::vector<std::uint8_t> random_input(std::mt19937& random) {
  std::vector<std::uint8_t> bytes(random() % (random() % 4 == 0 ? 512 : 64));
  const unsigned letters = random() % 3 == 0 ? 256 : 2 + random() % 6;
  const unsigned from = random() % 2 == 0 ? 0 : random() % 256;
  for (std::uint8_t& byte : bytes) {
    byte = static_cast<std::uint8_t>(random() % 8 == 0 ? random() : from + random() % letters);
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned runs = 20000;
  unsigned seed = 1;
  bool files = false;
  std::signal(SIGABRT, on_abort);
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--runs" && i + 1 < argc) {
      runs = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (word == "--seed" && i + 1 < argc) {
      seed = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else {
      std::ifstream file(argv[i], std::ios::binary);
      if (!file) {
        std::fprintf(stderr, "usage: %s [--runs N] [--seed N] [FILE...]\ncannot read %s\n", argv[0], argv[i]);
        return 2;
      }
      run({std::istreambuf_iterator<char>(file), {}});
      files = true;
    }
  }
  if (files) return 0;

  std::mt19937 random(seed);
  for (unsigned i = 0; i < runs; ++i) run(random_input(random));
  std::printf("%u inputs of seed %u\n", runs, seed);
  return 0;
}
