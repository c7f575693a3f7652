// converse.mjs - Converse.js in a page. The test looks at the page and types as a user does; `chat` tells what it cannot see.
// The page's address says how: ?bosh=URL or ?websocket=URL of nxb; without either, Converse.js asks the domain's host-meta.
// SPDX-License-Identifier: MIT
const how = new URLSearchParams(location.search);
const connections = []; // what happened to the connection, in order
let available = false; // the server has sent our own presence back: from now on it delivers to our bare address

converse.plugins.add('seen-by-test', {
  initialize() {
    const { api } = this._converse;
    for (const event of ['connected', 'reconnected', 'disconnected']) api.listen.on(event, () => connections.push(event));
    api.listen.on('connected', () => {
      const connection = api.connection.get();
      connection.addHandler(() => { available = true; }, null, 'presence', null, null, connection.jid);
    });
    globalThis.chat = {
      connections,
      available: () => available,
      open: (jid) => api.chats.open(jid, {}, true).then(() => true),
      kind: () => ['websocket', 'bosh'].find((one) => api.connection.isType(one)),
      service: () => api.connection.get().service,
      resumed: () => api.connection.get().hasResumed(),
    };
  },
});

converse.initialize({
  whitelisted_plugins: ['seen-by-test'],
  blacklisted_plugins: ['converse-omemo'], // the server has no PEP to publish keys with
  assets_path: 'converse.js/',
  view_mode: 'fullscreen',
  i18n: 'en',
  bosh_service_url: how.get('bosh') ?? undefined,
  websocket_url: how.get('websocket') ?? undefined,
  discover_connection_methods: !how.has('bosh') && !how.has('websocket'),
  allow_non_roster_messaging: true, // the two have never met
  auto_register_muc_nickname: false,
  play_sounds: false,
  show_desktop_notifications: false,
  loglevel: 'error',
  enable_muc_push: false,
});
