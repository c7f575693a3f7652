// tests/fuzz/ipc.cc - the control channel: lines from bytes, messages from lines, and the configuration inside.
// Properties: any chunking gives the same lines; what decodes encodes to something that decodes to the same; the same
// for a configuration in JSON.
// SPDX-License-Identifier: MIT
#include <vector>

#include "bytes.h"
#include "common/base/check.h"
#include "common/config/config.h"
#include "common/ipc/message.h"

using namespace nxb;

namespace {

std::vector<std::string> lines_of(std::string_view bytes, std::size_t longest) {
  std::vector<std::string> lines;
  ipc::LineReader reader;
  fuzz::in_pieces(bytes, longest, [&](std::string_view piece) {
    NXB_CHECK(reader.feed(piece), "a line is too long that is not");
    std::string line;
    while (reader.next(line)) lines.push_back(line);
  });
  return lines;
}

void check_message(std::string_view line) {
  auto message = ipc::decode(line);
  if (!message) return;
  std::string encoded = ipc::encode(*message);
  NXB_CHECK(encoded.find('\n') == encoded.size() - 1, "a message is one line");
  auto again = ipc::decode(std::string_view(encoded).substr(0, encoded.size() - 1));
  NXB_CHECK(again, "our own message is refused");
  NXB_CHECK(ipc::encode(*again) == encoded, "a message changes on its way");
}

void check_config(std::string_view line) {
  auto config = config::from_json(line);
  if (!config) return;
  auto again = config::from_json(config::to_json(*config));
  NXB_CHECK(again && *again == *config, "a configuration changes on its way");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  std::vector<std::string> lines = lines_of(input, 0);
  NXB_CHECK(lines_of(input, 1) == lines && lines_of(input, 40) == lines, "chunking changes the lines");
  for (const std::string& line : lines) {
    check_message(line);
    check_config(line);
  }
  return 0;
}
