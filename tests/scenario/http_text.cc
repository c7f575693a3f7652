// tests/scenario/http_text.cc - see http_text.h.
// SPDX-License-Identifier: MIT
#include "http_text.h"

#include <cstdio>
#include <cstdlib>

namespace nxb::scenario {

namespace {

std::string in_chunks(std::string_view body, std::size_t size) {
  std::string out;
  for (std::size_t at = 0; at < body.size(); at += size) {
    auto chunk = body.substr(at, size);
    char length[24];
    std::snprintf(length, sizeof(length), "%zx\r\n", chunk.size());
    out += length + std::string(chunk) + "\r\n";
  }
  return out + "0\r\n\r\n";
}

}  // namespace

std::string write_post(std::string_view body) {
  return "POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

std::string write_http(const Step& step) {
  std::string out = std::string(step.word(0)) + " " + std::string(step.word(1)) + " HTTP/1.1\r\nHost: localhost\r\n";
  for (const auto& [key, value] : step.arguments) {
    if (key == "header") out += value + "\r\n";
  }
  std::string body = step.get("body");
  if (const std::string* chunked = step.find("chunked")) {
    std::size_t size = std::strtoul(chunked->c_str(), nullptr, 10);
    return out + "Transfer-Encoding: chunked\r\n\r\n" + in_chunks(body, size == 0 ? body.size() + 1 : size);
  }
  std::string length = step.find("length") ? step.get("length") : std::to_string(body.size());
  if (!body.empty() || step.find("length")) out += "Content-Length: " + length + "\r\n";
  return out + "\r\n" + body;
}

}  // namespace nxb::scenario
