// worker/ws/message.cc - see message.h.
// SPDX-License-Identifier: MIT
#include "worker/ws/message.h"
