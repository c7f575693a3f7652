#!/usr/bin/env node
// rewrite.mjs - a program for kind = "external" that stands between clients and an XMPP server and changes what they say:
// each message that a client sends gets a note at the end of its body. To the server it speaks TCP without TLS.
//   conf/examples/rewrite.mjs /tmp/rewrite.sock 127.0.0.1:5222     with kind = "external" and this socket in nxb.toml
// SPDX-License-Identifier: MIT
import { rmSync } from "node:fs";
import net from "node:net";
import readline from "node:readline";

const [path, host, port] = process.argv.slice(2).join(":").split(":");
const NOTE = " (seen by rewrite.mjs)";
// The one line to change for other purposes: an element of the client in, what the server gets out ("" = nothing).
const rewrite = (xml) => (xml.startsWith("<message") ? xml.replace("</body>", `${NOTE}</body>`) : xml);
const TAG = /<!\[CDATA\[[^]*?\]\]>|<(?:"[^"]*"|'[^']*'|[^'">])*>/g;
const escaped = (text) => text.replace(/[&<>'"]/g, (c) => `&#${c.charCodeAt(0)};`);
const attribute = (tag, name) => new RegExp(`\\s${name}\\s*=\\s*(['"])(.*?)\\1`).exec(tag)?.[2];

// Takes the server's bytes, piece by piece: yields its header, whole elements, the end.
function splitter() {
  let [rest, depth, begin, at] = ["", 0, 0, 0]; // where the incomplete element begins in rest; what was not looked at
  return function* (text) {
    rest += text;
    TAG.lastIndex = at;
    for (let found; (found = TAG.exec(rest)); at = TAG.lastIndex) {
      const [tag] = found;
      if (tag.startsWith("<?") || tag.startsWith("<!")) continue;
      if (depth === 1) begin = found.index;
      depth += tag.startsWith("</") ? -1 : tag.endsWith("/>") ? 0 : 1;
      if (depth === 0) yield { end: true };
      else if (depth === 1 && tag.startsWith("<stream:stream")) yield { header: tag };
      else if (depth === 1) yield { element: rest.slice(begin, TAG.lastIndex) };
    }
    [rest, at, begin] = depth > 1 ? [rest.slice(begin), at - begin, 0] : [rest.slice(at), 0, 0];
  };
}

class Stream {
  constructor(add, say, link) {
    Object.assign(this, { add, link, say, answer: "stream-added" });
    this.socket = net.connect(Number(port), host, () => this.open()).setEncoding("utf8");
    this.socket.on("data", (text) => this.read(text)).on("error", () => {});
    this.socket.on("close", () => this.end({ condition: "remote-connection-failed" }));
  }
  open() {
    const [to, version, lang] = [this.add.to, this.add.xmpp_version, this.add.lang || "en"].map(escaped);
    this.split = splitter();
    this.write(`<?xml version='1.0'?><stream:stream to='${to}' version='${version}' xml:lang='${lang}' ` +
      "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>");
  }
  write(text) {
    if (this.socket.write(text)) return;
    this.link.pause(); // a slow server makes nxb wait, not this program grow
    for (const event of ["drain", "close"]) this.socket.once(event, () => this.link.resume());
  }
  read(text) {
    for (const { header, element, end } of this.split(text)) {
      if (header) this.header = header;
      else if (end) this.end({ condition: null });
      else if (element.startsWith("<stream:error")) this.end({ error: element });
      else if (!this.answer) this.say("response", { elements: [element] });
      else { // the features; from here to the server there is no TLS to start
        const features = element.replace(/<starttls[^>]*\/>|<starttls[^]*?<\/starttls>/, "");
        this.say(this.answer, { id: attribute(this.header, "id"), from: attribute(this.header, "from"), features });
        this.answer = null;
      }
    }
  }
  end(reason) {
    this.say("terminate", reason);
    this.say = () => {}; // that was the last word
    this.socket.end("</stream:stream>");
  }
  take(message) {
    if (message.type === "nodes") this.write(message.elements.map(rewrite).join(""));
    else if (message.type === "stream-restart") this.open((this.answer = "stream-restarted"));
    else if (message.type === "pause" || message.type === "resume") this.socket[message.type]();
    else if (message.type === "stream-terminate") {
      this.say = () => {};
      message.why === "closed" ? this.socket.end("</stream:stream>") : this.socket.destroy(); // a lost one may be resumed
    }
  }
}

rmSync(path, { force: true });
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
