// The watcher's second half: the container runs, and the watcher serves it until it has ended.
#pragma once
#include "../plan/operations.h"
#include "fail.h"
#include "host.h"

// What the helper hands to a watcher (native/addon/spawn.cc), the first two at its start, the others with its plan.
constexpr int kControlFd = 3;    // stream socket to the helper
constexpr int kSocketFd = 4;     // the directory of the watchers' sockets
constexpr int kPlanFd = 5;       // sealed memfd
constexpr int kContainerFd = 6;  // the container's directory: `exit.json`, `log`
constexpr int kAttachFd = 7;     // stream socket of whoever is attached from the start, when `watch` says so

// Restores nothing and returns never: watches until the container has ended and all is reported, then exits 0.
[[noreturn]] void watch(Host &host, const plan::Watch &options, const Report &report, int input, int output, int error);

// Tells the helper which operation failed, and exits 1.
[[noreturn]] void report_failure(const Host &host, const Report &report);
