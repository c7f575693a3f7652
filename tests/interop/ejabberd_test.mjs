// ejabberd_test.mjs - Strophe.js, nxb and ejabberd, without TLS.
// SPDX-License-Identifier: MIT
import { scenariosWith } from './scenarios.mjs';

scenariosWith('ejabberd', 'ejabberdctl');
