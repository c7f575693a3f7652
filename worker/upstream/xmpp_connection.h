// worker/upstream/xmpp_connection.h - one stream to an XMPP server: Connector, then Channel, around xmpp::ClientStream.
// Runs in: worker. I/O: through these two. Owned by: upstream::Streams. Known above by its StreamId.
// An adapter: it carries out the machine's steps and feeds it what the network says. What an attempt needs is freed
// once the stream is usable, so that an idle stream stays small.
// A connection on which direct TLS does not come about, or that ends before the server said anything, is of no use: the
// next address is tried. All else is final: a certificate that does not fit (U-49), a refused STARTTLS (U-42), and
// whatever ends a stream that has begun. Where direct TLS was announced and failed, TLS is required of what comes next.
// Events may be raised from within a call, and the session may call back from within an event: steps are queued and
// carried out by the pump already running.
// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "worker/upstream/channel.h"
#include "worker/upstream/congestion.h"
#include "worker/upstream/connector.h"
#include "worker/upstream/services.h"
#include "worker/upstream/story.h"
#include "worker/xmpp/client_stream.h"

namespace nxb::upstream {

class XmppConnection final : public Upstream, private ConnectorSink, private ChannelSink {
 public:
  XmppConnection(StreamId id, XmppServices& services) : id_(id), services_(services), channel_(services, *this) {}
  ~XmppConnection() override;

  void open(const StreamSpec& spec) override;
  void send(std::string_view elements) override;
  void restart(std::string_view stream_attrs) override;
  std::string target() const override { return story_.target; }
  Peer peer() const override { return {story_.address, channel_.description(), channel_.queued()}; }
  void set_reading(bool on) override { channel_.set_reading(on); }
  void close(Parting parting, const std::vector<xmpp::Stanza>& undelivered) override;

  void on_deadline(Instant now);
  void let_go();  // nothing of it touches the services any more; it only waits to be destroyed

 private:
  // Needed until the stream is usable.
  struct Attempt {
    Domain domain;
    Target target;  // what is connected to
    std::unique_ptr<Connector> connector;
    Instant usable_by;
    Instant secure_by;  // direct TLS: so that a handshake leaves time for the addresses behind it
    SetupTimes times;
    Instant part_begun;       // of the part that is not over yet
    bool heard = false;       // the server said something
    bool tls_failed = false;  // direct TLS was announced and did not come about
  };

  // Raised when the last bytes are out, or at `by`.
  struct Goodbye {
    Closed closed;
    Instant by;
  };

  // ConnectorSink
  void on_reached(Connection connection) override;
  void on_unreachable(Failure failure) override;
  void on_under_way() override { arm(); }
  // ChannelSink
  void on_plaintext(std::string_view bytes) override;
  void on_secure() override;
  void on_insecure(const std::string& why, bool distrusted) override;
  void on_lost(const std::string& why) override;
  void on_sent() override;

  void begin_machine(const StreamSpec& spec, const Choice& choice);
  void watch_unsent();
  std::size_t most_unsent() const;
  void start_tls(tls::Engine::Offer offer);
  bool awaits_direct_tls() const;
  bool try_another(Stage at, const std::string& why);
  void end_part(Duration& part);

  void feed(const xmpp::StreamInput& input);
  void pump();
  void perform(xmpp::step::Write& step);
  void perform(xmpp::step::StartTls& step);
  void perform(xmpp::step::Usable& step);
  void perform(xmpp::step::Deliver& step);
  void perform(xmpp::step::Ended& step);
  Stage stage() const;
  std::string earlier_failures() const;
  void fail(Stage stage, bosh::Condition condition, std::string why);
  void finish(Closed closed);
  void drop_attempt();
  void raise(Event event) { services_.events.on_stream_event(id_, std::move(event)); }
  void arm();

  StreamId id_;
  XmppServices& services_;
  std::optional<xmpp::ClientStream> machine_;
  std::unique_ptr<Attempt> attempt_;
  Channel channel_;
  Story story_;
  std::unique_ptr<Congestion> congestion_;  // while the server does not take what is sent
  std::unique_ptr<Goodbye> goodbye_;
  std::optional<Instant> armed_;
  xmpp::StreamSteps steps_;                                          // not yet carried out
  xmpp::ClientStream::State was_ = xmpp::ClientStream::State::Idle;  // the machine's, before what it was last fed
  bool pumping_ = false;
  bool reading_ = true;
  bool done_ = false;  // Closed was raised, or only waits for the last bytes
};

}  // namespace nxb::upstream
