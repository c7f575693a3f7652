// tests/bench/echo.h - a message to oneself, each with another number, and whether what came back is it, to the byte. A server may
// write an element in its own way, so the first answer only has to be right as XML; all others have to be the same but for their
// number. Some servers have more than one way (attributes in any order): so many forms as are allowed are learned. Runs in nxb-load.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/clock.h"

namespace nxb::bench {

class Echo {
 public:
  explicit Echo(std::size_t forms_allowed) : forms_allowed_(forms_allowed) {}

  void begin(std::string_view jid, std::size_t size);  // of the text; less than 32: 32
  std::string_view next();                             // the stanza to send
  std::string check(std::string_view answer);          // empty: that is it; else what is wrong

 private:
  struct Form {
    std::string text;
    std::size_t number_at;
  };
  bool is(const Form& form, std::string_view answer) const;
  std::string learn(std::string_view answer);

  std::size_t forms_allowed_;
  std::uint64_t number_ = 0;
  std::string stanza_;
  std::size_t number_at_ = 0, text_at_ = 0, text_size_ = 0;
  std::vector<Form> forms_;
};

// What a server pushes (stub_session.h), each in its order.
class Pushes {
 public:
  // Whether `answer` holds nothing but the pushes that are due next; `times` becomes when the server sent each.
  bool take(std::string_view answer, std::vector<Micros>& times);

 private:
  std::uint64_t count_ = 0;
};

}  // namespace nxb::bench
