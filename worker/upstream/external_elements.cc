// worker/upstream/external_elements.cc
// SPDX-License-Identifier: MIT
#include "worker/upstream/external_elements.h"

#include <utility>

namespace nxb::upstream::external {
namespace {

constexpr std::string_view kHeader =
    "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

std::string text_of(xmpp::Fault fault) {
  switch (fault) {
    case xmpp::Fault::None:
      break;
    case xmpp::Fault::NotWellFormed:
      return "not well-formed";
    case xmpp::Fault::RestrictedXml:
      return "XML that XMPP forbids: a comment, an instruction, a DTD";
    case xmpp::Fault::InvalidNamespace:
      return "of a wrong namespace";
    case xmpp::Fault::StanzaTooBig:
      return "larger than max_xmpp_stanza_size";
  }
  return "no element";
}

}  // namespace

void Elements::start_over() {
  splitter_.restart();
  std::vector<xmpp::StreamItem> header;
  splitter_.feed(kHeader, header);
}

Error Elements::refuse(const std::string& why) {
  start_over();
  return Error{Code::BadInput, why};
}

Result<std::vector<xmpp::StreamElement>> Elements::read(std::string_view bytes) {
  std::vector<xmpp::StreamItem> items;
  xmpp::Fault fault = splitter_.feed(bytes, items);
  if (fault != xmpp::Fault::None) return refuse(text_of(fault));
  if (splitter_.mid_element()) return refuse("not complete");
  std::vector<xmpp::StreamElement> elements;
  for (xmpp::StreamItem& item : items) {
    auto* element = std::get_if<xmpp::StreamElement>(&item);
    if (!element) return refuse("the end of a stream");
    elements.push_back(std::move(*element));
  }
  return elements;
}

Result<std::vector<xmpp::Stanza>> Elements::split(std::string_view bytes) {
  NXB_TRY(auto elements, read(bytes));
  std::vector<xmpp::Stanza> stanzas;
  for (xmpp::StreamElement& element : elements) stanzas.push_back(std::move(element.stanza));
  return stanzas;
}

Result<xmpp::Stanza> Elements::one(std::string_view bytes) {
  NXB_TRY(auto elements, read(bytes));
  if (elements.size() != 1) return Error{Code::BadInput, std::to_string(elements.size()) + " elements instead of one"};
  if (xmpp::frames_a_stream(elements.front())) return Error{Code::BadInput, "a stream's own frame"};
  return std::move(elements.front().stanza);
}

}  // namespace nxb::upstream::external
