// worker/ws/session.cc - see session.h.
// SPDX-License-Identifier: MIT
#include "worker/ws/session.h"
