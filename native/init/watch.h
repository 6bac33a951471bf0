// The watcher's second half: the container runs, and the watcher serves it until it has ended.
#pragma once
#include "../plan/operations.h"
#include "fail.h"
#include "host.h"

// What the helper hands to a watcher, by fixed descriptor numbers (native/addon/spawn.cc).
constexpr int kPlanFd = 3;       // sealed memfd
constexpr int kControlFd = 4;    // stream socket to the helper
constexpr int kContainerFd = 5;  // the container's directory: `exit.json`, `log`
constexpr int kRunFd = 6;        // its directory in /run: `watcher.sock`
constexpr int kAttachFd = 7;     // stream socket of whoever is attached from the start, when `watch` says so

// Restores nothing and returns never: watches until the container has ended and all is reported, then exits 0.
[[noreturn]] void watch(Host &host, const plan::Watch &options, const Report &report, int input, int output, int error);

// Tells the helper which operation failed, and exits 1.
[[noreturn]] void report_failure(const Host &host, const Report &report);
