// prosody_test.mjs - Strophe.js, nxb and Prosody, without TLS.
// SPDX-License-Identifier: MIT
import { scenariosWith } from './scenarios.mjs';

scenariosWith('prosody', 'prosody');
