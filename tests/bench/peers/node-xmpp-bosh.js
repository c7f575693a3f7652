// tests/bench/peers/node-xmpp-bosh.js - how scripts/bench runs node-xmpp-bosh: BOSH_PORT and BOSH_DOMAIN are in its environment.
// Release 0.7.10 ignores host and port of `route`, and connects to port 5222 of the domain. Its lookup may be replaced: this is the
// stock one, told the address that the route names. All limits that clients see are the documented defaults.
// SPDX-License-Identifier: MIT
const nxb = require.main.require('./src/main.js');
const Stock = nxb.lookup.LookupService;

class Lookup extends require('events').EventEmitter {
	constructor(port, stream, filter) {
		super();
		Stock.call(this, port, stream, filter);
		if (this._route) {
			this._domain_name = this._route.host;
			this._port = this._route.port;
		}
	}
}
Lookup.prototype.connect = Stock.prototype.connect;
nxb.lookup.LookupService = Lookup;

exports.config = {
	host: '127.0.0.1',
	port: Number(process.env.BOSH_PORT),
	path: /^\/http-bind(\/+)?$/,
	logging: 'ERROR',
	no_tls_domains: [process.env.BOSH_DOMAIN],
	max_data_held: 10 * 1024 * 1024,
	max_xmpp_stanza_size: 10 * 1024 * 1024,
	max_bosh_connections: 2,
	window_size: 2,
	default_inactivity: 70,
	max_inactivity: 160,
	http_socket_keepalive: 60
};
