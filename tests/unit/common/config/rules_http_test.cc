// tests/unit/common/config/rules_http_test.cc - rules of validation: listeners, HTTP, pages.
// SPDX-License-Identifier: MIT
#include "tests/unit/common/config/rules.h"

namespace nxb::config {

TEST_CASE("B-109 see_other_uri is a web address with a host, as it goes into XML, or nothing") {
  CHECK(load("").config.bosh.see_other_uri.empty());
  for (const char* good : {"https://b.example/http-bind", "http://[2001:db8::1]:5280/x?a=1&b=2", "HTTPS://b.example"}) {
    CHECK(taken("bosh", "see_other_uri", std::string("'") + good + "'").bosh.see_other_uri == good);
  }
  CHECK(taken("bosh", "see_other_uri", "''").bosh.see_other_uri.empty());
  for (const char* wrong :
       {"b.example/http-bind", "ftp://b.example/", "javascript:alert(1)", "https://", "https:///x", "https://:80/",
        "https://user@b.example/", "https://b.example/a b", "https://b\u00fc.example/"}) {
    refused("bosh", "see_other_uri", std::string("\"") + wrong + "\"", "http:// or https:// URL");
  }
  refused("bosh", "see_other_uri", "\"https://b.example/\\u0007\"");
}

TEST_CASE("C-02 addresses to listen on") {
  CHECK(taken("listen", "address", "'127.0.0.1:80'").listen[0].address == "127.0.0.1:80");
  CHECK(taken("listen", "address", "'[::1]:5280'").listen[0].address == "[::1]:5280");
  CHECK(taken("listen", "address", "'unix:/run/nxb/http.sock'").listen[0].address == "unix:/run/nxb/http.sock");
  CHECK(taken("listen", "trusted_proxies", "[]").listen[0].address == "0.0.0.0:5280");
  for (const char* wrong : {"'localhost:5280'", "'127.0.0.1'", "'127.0.0.1:70000'", "':5280'", "''", "5280",
                            "'unix:relative'", "'unix:'"}) {
    refused("listen", "address", wrong);
  }
  refused("listen", "address", "'unix:/" + std::string(107, 'x') + "'", "longer");
  CHECK(taken("listen", "address", "'unix:/" + std::string(106, 'x') + "'").listen.size() == 1);
}

TEST_CASE("listening twice on one address is an error, however it is spelt") {
  const Loaded twice = load("[[listen]]\naddress = '[::1]:5280'\n[[listen]]\naddress = '[0:0::1]:5280'\n");
  REQUIRE(twice.errors.size() == 1);
  CHECK(starts_with(twice.errors[0], "f.toml:4: listen.address: \"[::1]:5280\" is listened on already"));
  CHECK(load("[[listen]]\naddress = '127.0.0.1:0'\n[[listen]]\naddress = '127.0.0.1:0'\n").errors.empty());
  CHECK(load("[[listen]]\naddress = '127.0.0.1:1'\n[[listen]]\naddress = '127.0.0.1:2'\n").config.listen.size() == 2);
  CHECK(starts_with(joined(load("listen = []\n").errors), "f.toml:1: listen: is empty"));
}

TEST_CASE("H-47 trusted proxies are addresses, prefixes or unix") {
  const Strings all{"127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8", "unix", "0.0.0.0/0", "::/128"};
  CHECK(taken("listen", "trusted_proxies", "['127.0.0.1','::1','10.0.0.0/8','fd00::/8','unix','0.0.0.0/0','::/128']")
            .listen[0]
            .trusted_proxies == all);
  for (const char* wrong : {"['10.0.0.0/33']", "['::/129']", "['10.0.0.0/']", "['10.0.0.0/-1']", "['proxy.example']",
                            "['']", "['127.0.0.1:80']", "['10.0.0.0/8/8']"}) {
    refused("listen", "trusted_proxies", wrong);
  }
}

TEST_CASE("C-01 paths begin with a slash and lose those at the end") {
  CHECK(taken("http", "path", "'/http-bind/'").http.path == Strings{"/http-bind"});
  CHECK(taken("http", "path", "['/a//', '/b/c']").http.path == Strings{"/a", "/b/c"});
  for (const char* wrong :
       {"'http-bind'", "''", "'/'", "'/a?b'", "'/a b'", "'/a#b'", "'/%41'", "'/\xC3\xA4'", "[]", "3", "['/a', 3]"}) {
    refused("http", "path", wrong);
  }
  CHECK(contains(joined(load("[http]\npath = ['/a', '/a/']\n").errors), "is given twice"));
}

TEST_CASE("H-16 names of headers are tokens, and values have no control characters") {
  CHECK(taken("http", "headers", "{ 'X-Node' = 'a b', X-Two = '' }").http.headers.at("X-Node") == "a b");
  for (const char* wrong :
       {"{ 'X Node' = 'a' }", "{ '' = 'a' }", "{ 'X:' = 'a' }", "{ X = \"a\\r\\nSet-Cookie: b\" }", "{ X = \"\\t\" }",
        "{ X = \"\\u007f\" }", "{ X = '\xC3\xA4' }", "{ X = 1 }", "{ X = ['a'] }"}) {
    refused("http", "headers", wrong);
  }
  for (const char* own :
       {"Content-Length", "transfer-encoding", "Connection", "Content-Type", "Access-Control-Allow-Origin"}) {
    refused("http", "headers", std::string("{ ") + own + " = 'a' }", "set by nxb");
  }
  CHECK(contains(joined(load("[http]\nheaders = { X-A = 'a', x-a = 'b' }\n").errors), "is given twice"));
}

TEST_CASE("H-31 H-32 origins are *, null or scheme://host") {
  CHECK(taken("http", "allowed_origins", "'*'").http.allowed_origins == Strings{"*"});
  CHECK(taken("http", "allowed_origins", "['https://A.example', 'http://[::1]:8080', 'null']").http.allowed_origins ==
        Strings{"https://a.example", "http://[::1]:8080", "null"});
  CHECK(taken("http", "allowed_origins", "[]").http.allowed_origins.empty());
  for (const char* wrong : {"['https://a.example/']", "['a.example']", "['https://']", "['://a']", "['https://a b']",
                            "['*.example']", "['*', 'null']"}) {
    refused("http", "allowed_origins", wrong);
  }
}

TEST_CASE("H-33 credentials and * are refused together") {
  refused("http", "allow_credentials", "true", "allowed_origins is \"*\"");
  const Loaded listed = load("[http]\nallowed_origins = ['https://a.example']\nallow_credentials = true\n");
  CHECK(joined(listed.errors) == "");
  CHECK(listed.config.http.allow_credentials);
}

TEST_CASE("H-30 cors_headers are header names and never *") {
  CHECK(taken("http", "cors_headers", "['Authorization']").http.cors_headers == Strings{"Authorization"});
  for (const char* wrong : {"['*']", "['a b']", "['']", "['a,b']"}) refused("http", "cors_headers", wrong);
}

TEST_CASE("H-41 the monitor page is for local, public or off") {
  CHECK(taken("monitor", "access", "'LOCAL'").monitor.access == MonitorAccess::Local);
  CHECK(taken("monitor", "access", "'public'").monitor.access == MonitorAccess::Public);
  CHECK(taken("monitor", "access", "'off'").monitor.access == MonitorAccess::Off);
  refused("monitor", "access", "'private'", "\"local\", \"public\", \"off\"");
}

TEST_CASE("C-17 H-42 the password of sysinfo is a text, or the text of a file without the line's end") {
  CHECK(taken("monitor", "system_info_password", "' a b '").monitor.system_info_password == " a b ");
  refused("monitor", "system_info_password", "7");
  struct Sample {
    std::string_view file, password;
  };
  for (const Sample& row :
       {Sample{"s3cret\n", "s3cret"}, Sample{"s3cret", "s3cret"}, Sample{"s3cret\r\n", "s3cret"},
        Sample{" a\nb \n\n", " a\nb \n"}, Sample{std::string_view("a\0b\n", 4), std::string_view("a\0b", 3)}}) {
    const TemporaryFile file(row.file);
    const Config config = taken("monitor", "system_info_password_file", "'" + file.path + "'");
    CHECK(config.monitor.system_info_password == row.password);
    CHECK(config.monitor.system_info_password_file.empty());  // -T and the workers have what is in it
  }
  for (std::string_view wrong : {"", "\n", "\r\n"}) {
    const TemporaryFile file(wrong);
    refused("monitor", "system_info_password_file", "'" + file.path + "'", "is empty");
  }
  refused("monitor", "system_info_password_file", "'/nonexistent/password'", "No such file");
  const TemporaryFile large(std::string(4097, 'x'));
  refused("monitor", "system_info_password_file", "'" + large.path + "'", "is larger than 4096 bytes");
  const TemporaryFile good_file("x\n");
  const Loaded both =
      load("[monitor]\nsystem_info_password = 'y'\nsystem_info_password_file = '" + good_file.path + "'\n");
  REQUIRE(both.errors.size() == 1);
  CHECK(starts_with(both.errors[0], "f.toml:3: monitor.system_info_password_file: is given beside"));
}

TEST_CASE("C-09 http_socket_keepalive is seconds, as the kernel counts them") {
  CHECK(taken("http", "http_socket_keepalive", "60").http.http_socket_keepalive == 60s);
  CHECK(taken("http", "http_socket_keepalive", "'9h'").http.http_socket_keepalive == 9h);
  for (const char* wrong : {"0", "'1500ms'", "32401"}) refused("http", "http_socket_keepalive", wrong);
}

TEST_CASE("O-41 a node has a name that fits a cookie, and the host's if it is not told; one header says it") {
  CHECK(taken("sticky", "node", "'a-1.x_Y'").sticky.node == "a-1.x_Y");
  for (const char* wrong : {"'a b'", "'a;b'", "'\u00e4'", "1"}) refused("sticky", "node", wrong, "at most 64 letters");
  refused("sticky", "node", ("'" + std::string(65, 'x') + "'").c_str(), "at most 64 letters");
  for (const char* wrong : {"'a=b'", "'a b'", "'a;'"}) refused("sticky", "cookie", wrong, "a cookie's name");
  for (const char* wrong : {"'Vary'", "'Date'", "'Access-Control-Allow-Origin'", "'a:'"}) {
    refused("sticky", "header", wrong, "the name of a header");
  }
  CHECK(taken("sticky", "cookie", "''").sticky.node.empty());
  CHECK_FALSE(taken("sticky", "cookie", "'nxb_node'").sticky.node.empty());
  CHECK_FALSE(taken("sticky", "header", "'X-Node'").sticky.node.empty());
  CHECK(load("[sticky]\nnode = 'a'\ncookie = 'n'\n").config.sticky.node == "a");
  CHECK(joined(load("[http]\nheaders = { x-node = '1' }\n[sticky]\nnode = 'a'\nheader = 'X-Node'\n").errors) ==
        "f.toml:5: sticky.header: \"X-Node\" is in headers of [http] already; allowed: one of the two\n");
}

}  // namespace nxb::config
