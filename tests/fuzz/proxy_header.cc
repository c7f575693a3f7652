// tests/fuzz/proxy_header.cc - the PROXY protocol as a connection begins with it (O-30).
// Properties: any chunking gives the same result; a header is within the bytes and bounded, and so is what asks for
// more; what lies behind it changes nothing; who was named is named again by what we would write, in either version.
// SPDX-License-Identifier: MIT
#include "common/base/proxy_header.h"

#include "bytes.h"
#include "common/base/check.h"

using namespace nxb;

namespace {

using Read = Result<std::optional<ProxyHeader>>;

bool is_decided(const Read& read) { return !read || (*read).has_value(); }

std::string told(const Read& read) {
  if (!read) return "error";
  if (!*read) return "more";
  return ((**read).source ? (**read).source->text() : "unknown") + " " + std::to_string((**read).size);
}

void check_again(const Address& source) {
  for (ProxyVersion version : {ProxyVersion::V1, ProxyVersion::V2}) {
    const std::string bytes = write_proxy_header(version, source, source);
    Read again = read_proxy_header(bytes);
    NXB_CHECK(again && *again && (**again).source, "what we write is no header");
    NXB_CHECK((**again).size == bytes.size(), "a header of another size than was written");
    NXB_CHECK((**again).source->ip_text() == source.ip_text(), "another address");
    NXB_CHECK((**again).source->port() == source.port(), "another port");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = fuzz::text_of(data, size);
  const Read whole = read_proxy_header(input);
  std::string so_far;
  Read early = read_proxy_header("");
  fuzz::in_pieces(input, 7, [&](std::string_view piece) {
    if (is_decided(early)) return;
    so_far += piece;
    early = read_proxy_header(so_far);
  });
  NXB_CHECK(told(early) == told(whole), "another result in pieces");
  if (!whole) return 0;
  if (!*whole) {
    NXB_CHECK(input.size() < kMaxProxyHeader, "more is asked for without end");
    return 0;
  }
  const ProxyHeader& header = **whole;
  NXB_CHECK(header.size > 0 && header.size <= std::min(input.size(), kMaxProxyHeader),
            "a header longer than its bytes");
  NXB_CHECK(told(read_proxy_header(input.substr(0, header.size))) == told(whole), "what follows was looked at");
  if (header.source) check_again(*header.source);
  return 0;
}
