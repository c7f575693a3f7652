// worker/ws/frames.cc - see frames.h.
// SPDX-License-Identifier: MIT
#include "worker/ws/frames.h"
