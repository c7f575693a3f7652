// websocket_ejabberd_test.mjs - Strophe.js and xmpp.js over WebSocket, nxb and ejabberd, without TLS.
// SPDX-License-Identifier: MIT
import { scenariosWith } from './websocket_scenarios.mjs';

scenariosWith('ejabberd', 'ejabberdctl');
