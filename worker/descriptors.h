// worker/descriptors.h - a worker starts with the descriptors of contract.h and no others; this checks it.
// Runs in: worker. A descriptor leaked into a worker could keep a client's connection open for ever.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include "common/base/result.h"

namespace nxb {

// Fails, naming the number, when one of the contract's sockets is not open.
// A descriptor beyond the contract is allowed only if it is close-on-exec: then this process opened it itself.
Status only_contract_descriptors(std::size_t workers, std::size_t listeners);

}  // namespace nxb
