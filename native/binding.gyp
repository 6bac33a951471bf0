{
  "variables": {
    "warnings": [
      "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wconversion", "-Wold-style-cast",
      "-Wimplicit-fallthrough", "-Wformat=2", "-Wundef", "-Wnull-dereference"
    ]
  },
  "target_defaults": {
    "cflags_cc!": ["-std=gnu++20", "-std=gnu++17"],
    "cflags!": ["-Wno-unused-parameter"],
    "cflags_cc": ["-std=c++17"],
    "defines": ["_GNU_SOURCE"]
  },
  "targets": [
    {
      # In the helper's process. -Wold-style-cast, -Wconversion and -Wshadow stay off: the headers of Node and node-addon-api do not pass them.
      "target_name": "bulkhead",
      "sources": [
        "addon/addon.cc", "addon/peer.cc", "addon/spawn.cc", "addon/seccomp.cc", "addon/memory.cc",
        "addon/removal.cc", "addon/notify.cc", "addon/roots.cc", "addon/changes.cc",
        "addon/quota.cc", "addon/network.cc", "addon/firewall.cc", "addon/cgroups.cc", "addon/sampler.cc",
        "addon/follow.cc", "addon/namespaces.cc", "addon/links.cc", "netlink/rtnetlink.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-fexceptions", "-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type"],
      # Static, so that a user needs no library: the .a of Debian's libseccomp-dev.
      "libraries": ["-l:libseccomp.a"]
    },
    {
      # The watcher: one a container, so it is static, without the C++ runtime.
      "target_name": "bulkhead-init",
      "type": "executable",
      "sources": [
        "init/main.cc", "init/host.cc", "init/container.cc", "init/mounts.cc", "init/identity.cc", "init/process.cc",
        "init/paths.cc", "init/channel.cc", "init/watch.cc", "init/clients.cc", "init/log.cc",
        "init/opens.cc", "netlink/rtnetlink.cc"
      ],
      "cflags": ["<@(warnings)", "-O2", "-ffunction-sections", "-fdata-sections", "-fno-threadsafe-statics", "-fno-pie"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["-static", "-no-pie", "-Wl,--gc-sections"]
    },
    {
      "target_name": "bulkhead-unpack",
      "type": "executable",
      "sources": ["unpack/main.cc", "unpack/decompress.cc", "unpack/reader.cc", "unpack/tree.cc", "unpack/deferred.cc"],
      "cflags": ["<@(warnings)", "-O2", "-fno-threadsafe-statics"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["-static", "-Wl,--gc-sections"],
      # Of libarchive's static library only the tar reader is linked.
      "libraries": ["-l:libarchive.a", "-l:libz.a", "-l:libzstd.a", "-l:libnettle.a"]
    },
    {
      "target_name": "bulkhead-pack",
      "type": "executable",
      "sources": ["pack/main.cc", "pack/walk.cc"],
      "cflags": ["<@(warnings)", "-O2", "-fno-threadsafe-statics"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["-static", "-Wl,--gc-sections"],
      "libraries": ["-l:libarchive.a"]
    },
    {
      "target_name": "bulkhead-privacy",
      "type": "executable",
      "sources": ["privacy/main.cc", "privacy/layer.cc", "privacy/changes.cc"],
      "cflags": ["<@(warnings)", "-O2", "-fno-threadsafe-statics"],
      "ldflags!": ["-rdynamic"],
      "ldflags": ["-static", "-Wl,--gc-sections"]
    }
  ]
}
