// websocket_prosody_test.mjs - Strophe.js and xmpp.js over WebSocket, nxb and Prosody, without TLS.
// SPDX-License-Identifier: MIT
import { scenariosWith } from './websocket_scenarios.mjs';

scenariosWith('prosody', 'prosody');
