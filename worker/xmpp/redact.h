// worker/xmpp/redact.h - XML as a person may see it: without passwords and what SASL says (O-27, O-20).
// Runs in: worker. I/O: none. Used wherever XML is shown to somebody: the log at TRACE, `watch`.
// It goes by names, and by few namespaces: what it takes away too much is harmless. What it cannot follow - a tag without an
// end, an end tag of something else, a document type - ends the text: nothing behind it is shown.
//   content hidden    auth, response, challenge, success and their kin of SASL and SASL2; password, digest, token, ...;
//                     all of jabber:iq:auth, jabber:iq:register, SASL2 and FAST; form fields that are private or named
//                     like a password
//   attributes hidden password, token, pwd and key-params of calls, ... of any element; sid and keys of <body/>
//   dropped           comments and processing instructions
// All else is byte for byte what it was. Idempotent.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nxb::xmpp {

inline constexpr std::string_view kRedacted = "[redacted]";

// `xml`: whole elements, one after the other; a secret that begins in one call and ends in the next is not known as one.
std::string redact(std::string_view xml);
// The same, at most so many characters of it, and how many more there are (C-16).
std::string redact(std::string_view xml, std::size_t characters);

}  // namespace nxb::xmpp
