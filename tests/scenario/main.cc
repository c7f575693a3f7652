// tests/scenario/main.cc - plays scenarios: nxb-scenario [--stage sim|live|both] [--supervisor PROGRAM] FILE|FOLDER...
// Of a folder it plays every .nxs file below, in the order of their names, which is the order of difficulty. Says how it
// went as TAP; of a failure also who said what and when, and how to play it again.
// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/log/log.h"
#include "director.h"
#include "parser.h"
#include "stage_live.h"
#include "stage_sim.h"

namespace {

using namespace nxb;
using namespace nxb::scenario;

struct Options {
  bool sim = true, live = true;
  std::string supervisor;
  std::vector<std::string> files;
};

std::string supervisor_of_this_build() {
  std::error_code ignored;
  auto own = std::filesystem::read_symlink("/proc/self/exe", ignored);  // BUILD/tests/scenario/nxb-scenario
  return (own.parent_path() / "../../supervisor/nxb-supervisor").lexically_normal().string();
}

void add_files_of_folders(std::vector<std::string>& files) {
  std::vector<std::string> all;
  for (const auto& path : files) {
    if (!std::filesystem::is_directory(path)) {
      all.push_back(path);
      continue;
    }
    auto first = all.size();
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      if (entry.path().extension() == ".nxs") all.push_back(entry.path().lexically_normal().string());
    }
    std::sort(all.begin() + static_cast<std::ptrdiff_t>(first), all.end());
  }
  files = std::move(all);
}

std::optional<Options> read_options(int argc, char** argv) {
  Options options;
  options.supervisor = supervisor_of_this_build();
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--stage" && i + 1 < argc) {
      std::string stage = argv[++i];
      if (stage != "sim" && stage != "live" && stage != "both") return std::nullopt;
      options.sim = stage != "live";
      options.live = stage != "sim";
    } else if (word == "--supervisor" && i + 1 < argc) {
      options.supervisor = argv[++i];
    } else if (word.starts_with("-")) {
      return std::nullopt;
    } else {
      options.files.push_back(word);
    }
  }
  add_files_of_folders(options.files);
  return options.files.empty() ? std::nullopt : std::optional(options);
}

// "" or why it failed, with both columns.
std::string play(const Script& script, bool live, const Options& options) {
  Listener* listener = nullptr;
  std::unique_ptr<Stage> stage;
  if (live) {
    auto made = StageLive::make(script, options.supervisor, listener);
    if (!made) return made.error().text;
    stage = *std::move(made);
  } else {
    auto made = StageSim::make(script, listener);
    if (!made) return made.error().text;
    stage = *std::move(made);
  }
  Transcript transcript(stage->now());
  Scene scene(*stage, transcript);
  listener = &scene;
  std::string failure = Director(script, scene).run();
  std::string events = transcript.text();
  auto finished = stage->finish();
  if (failure.empty() && !finished) failure = "at the end: " + finished.error().text;
  if (failure.empty()) return {};
  return failure + "\n" + events;
}

const char* playing = "";  // for crashed() alone

// A check of nxb that fails ends this program: which scenario did it, nobody else would say.
void crashed(int signal) {
  for (const char* text :
       {"not ok - ", playing, " ends the program\n# replay: nxb-scenario --stage sim ", playing, "\n"}) {
    static_cast<void>(!::write(STDOUT_FILENO, text, std::strlen(text)));
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Tap {
 public:
  void say(const std::string& name, const std::string& failure, const std::string& replay) {
    ++number_;
    std::printf("%sok %d - %s\n", failure.empty() ? "" : "not ", number_, name.c_str());
    if (!failure.empty()) {
      ++failed_;
      std::printf("# %s\n# replay: %s\n", failure.c_str(), replay.c_str());
    }
    std::fflush(stdout);
  }
  int end() const {
    std::printf("1..%d\n", number_);
    return failed_ == 0 ? 0 : 1;
  }

 private:
  int number_ = 0, failed_ = 0;
};

void play_file(const std::string& file, const Options& options, Tap& tap) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  auto script = in ? parse(text.str(), file) : Result<Script>(Error{Code::Io, file + ": cannot be read"});
  if (!script) return tap.say(file, script.error().text, "nxb-scenario " + file);
  playing = file.c_str();
  for (bool live : {false, true}) {
    if (live ? !(options.live && script->live) : !(options.sim && script->sim)) continue;
    std::string stage = live ? "live" : "sim";
    std::string covers;
    for (const auto& id : script->covers) covers += (covers.empty() ? "" : " ") + id;
    tap.say(stage + " " + file + ": " + script->name + " (" + covers + ")", play(*script, live, options),
            "nxb-scenario --stage " + stage + " " + file);
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto options = read_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "usage: nxb-scenario [--stage sim|live|both] [--supervisor PROGRAM] FILE|FOLDER...\n");
    return 64;
  }
  expectations_are_fatal(true);
  log::configure(log::Level::Off, log::Format::Text, "scenario");
  std::signal(SIGABRT, crashed);
  Tap tap;
  for (const auto& file : options->files) play_file(file, *options, tap);
  return tap.end();
}
