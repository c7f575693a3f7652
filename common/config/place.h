// common/config/place.h - where in the configuration a reader is, and what it found wrong there.
// Runs in: supervisor, worker. I/O: none. Findings are collected, so that one run names every mistake of a file.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nxb::config {

enum class Source : std::uint8_t {
  File,  // written by a person: everything is checked
  Wire,  // written by our own supervisor, which checked it: only the form matters
};

struct Finding {
  enum class Weight : std::uint8_t { Error, Warning };
  Weight weight;
  int line;
  std::string text;
};

class Place {
 public:
  Place(std::vector<Finding>& findings, Source source) : findings_(&findings), source_(source) {}

  Place inside(std::string_view key, int line) const {
    Place inner = *this;
    inner.name_ = name_.empty() ? std::string(key) : name_ + "." + std::string(key);
    return inner.on_line(line);
  }
  Place on_line(int line) const {  // 0: nobody knows, it stays the one of the section
    Place here = *this;
    if (line > 0) here.line_ = line;
    return here;
  }

  const std::string& name() const { return name_; }  // "upstream.domain.target"
  bool from_file() const { return source_ == Source::File; }
  void error(const std::string& what) const { add(Finding::Weight::Error, what); }
  void warning(const std::string& what) const { add(Finding::Weight::Warning, what); }

 private:
  void add(Finding::Weight weight, const std::string& what) const;

  std::vector<Finding>* findings_;
  Source source_;
  std::string name_;
  int line_ = 1;
};

// A person's text inside a finding: one line, bounded.
std::string printable(std::string_view text, std::size_t most_bytes = 80);

}  // namespace nxb::config
