#!/usr/bin/env node
// rewrite.mjs - a program for kind = "external" that stands between clients and an XMPP server and changes what they say:
// each message that a client sends gets a note at the end of its body. Everything else passes as it is.
//
//   conf/examples/rewrite.mjs /tmp/rewrite.sock 127.0.0.1:5222     with kind = "external" and this socket in nxb.toml
// It speaks to the server over plain TCP: for one on the same machine, which must allow that.
// SPDX-License-Identifier: MIT
import { existsSync, unlinkSync } from "node:fs";
import net from "node:net";
import readline from "node:readline";

const [path, server] = process.argv.slice(2);
const [, host, port] = /^(.*):(\d+)$/.exec(server);
const NOTE = " (seen by rewrite.mjs)";

// The one line to change for other purposes: an element of the client in, what the server gets out ("" = nothing).
const rewrite = (xml) => (xml.startsWith("<message") ? xml.replace("</body>", `${NOTE}</body>`) : xml);

const TAG = /<!\[CDATA\[[^]*?\]\]>|<(?:"[^"]*"|'[^']*'|[^'">])*>/g;
const escaped = (text) => text.replace(/[&<>'"]/g, (c) => `&#${c.charCodeAt(0)};`);
const attribute = (tag, name) => new RegExp(`\\s${name}\\s*=\\s*(['"])(.*?)\\1`).exec(tag)?.[2];

// The server's bytes -> its header, whole elements, the end.
class Splitter {
  rest = "";
  begin = 0; // of the element that is not complete
  at = 0; // what was looked at
  depth = 0;

  *feed(text) {
    this.rest += text;
    TAG.lastIndex = this.at;
    for (let found; (found = TAG.exec(this.rest)); this.at = TAG.lastIndex) {
      const [tag] = found;
      if (tag.startsWith("<?") || tag.startsWith("<!")) continue;
      if (this.depth === 1) this.begin = found.index;
      this.depth += tag.startsWith("</") ? -1 : tag.endsWith("/>") ? 0 : 1;
      if (this.depth === 0) yield { end: true };
      else if (this.depth === 1 && tag.includes("stream:stream")) yield { header: tag };
      else if (this.depth === 1) yield { element: this.rest.slice(this.begin, TAG.lastIndex) };
    }
    const keep = this.depth > 1 ? this.begin : this.at;
    [this.rest, this.at, this.begin] = [this.rest.slice(keep), this.at - keep, 0];
  }
}

class Stream {
  constructor(add, say, link) {
    Object.assign(this, { add, link, say, answer: "stream-added" });
    this.socket = net.connect(Number(port), host, () => this.open()).setEncoding("utf8");
    this.socket.on("data", (text) => this.read(text)).on("error", () => {});
    this.socket.on("close", () => this.end({ condition: "remote-connection-failed" }));
  }
  open() {
    this.splitter = new Splitter();
    const lang = this.add.lang ? ` xml:lang='${escaped(this.add.lang)}'` : "";
    this.write(`<?xml version='1.0'?><stream:stream to='${escaped(this.add.to)}' version='${escaped(this.add.xmpp_version)}'${lang} ` +
      "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
  }
  write(text) {
    if (this.socket.write(text)) return;
    this.link.pause(); // a slow server makes nxb wait, not this program grow
    this.socket.once("drain", () => this.link.resume()).once("close", () => this.link.resume());
  }
  read(text) {
    for (const { header, element, end } of this.splitter.feed(text)) {
      if (header) this.header = header;
      else if (end) this.end({ condition: null });
      else if (element.startsWith("<stream:error")) this.end({ error: element });
      else if (element.startsWith("<stream:features") && this.answer) this.ready(element);
      else this.say("response", { elements: [element] });
    }
  }
  ready(features) {
    const [id, from, version] = ["id", "from", "version"].map((name) => attribute(this.header, name));
    this.say(this.answer, { id, from, version, features: features.replace(/<starttls[^>]*\/>|<starttls[^]*?<\/starttls>/, "") });
    this.answer = null;
  }
  // Said once, by either side; then the stream is forgotten.
  end(reason) {
    this.say("terminate", reason);
    this.say = () => {};
    this.socket.end("</stream:stream>");
  }
  take(message) {
    if (message.type === "nodes") this.write(message.elements.map(rewrite).join(""));
    else if (message.type === "stream-restart") {
      this.answer = "stream-restarted";
      this.open();
    } else if (message.type === "pause") this.socket.pause();
    else if (message.type === "resume") this.socket.resume();
    else if (message.type === "stream-terminate") {
      this.say = () => {};
      message.why === "closed" ? this.socket.end("</stream:stream>") : this.socket.destroy(); // lost: XEP-0198 may resume it
    }
  }
}

if (existsSync(path)) unlinkSync(path);
net.createServer((link) => { // one worker of nxb
  const streams = new Map();
  link.on("error", () => {}).on("close", () => streams.forEach((one) => one.take({ type: "stream-terminate", why: "lost" })));
  link.write('{"type":"hello","version":1,"name":"rewrite"}\n');
  readline.createInterface({ input: link }).on("line", (line) => {
    const { type, stream, ...more } = JSON.parse(line);
    const say = (kind, rest) => {
      link.write(JSON.stringify({ type: kind, stream, ...rest }) + "\n");
      if (kind === "terminate") streams.delete(stream);
    };
    if (type === "stream-add") streams.set(stream, new Stream(more, say, link));
    else streams.get(stream)?.take({ type, ...more });
    if (type === "stream-terminate") streams.delete(stream);
  });
}).listen(path);
