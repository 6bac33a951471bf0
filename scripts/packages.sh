# Debian packages, by what needs them. Sourced.
build_packages=(g++ make python3 libseccomp-dev libarchive-dev nettle-dev libzstd-dev zlib1g-dev
  # What the helper loads when the first network is made.
  libnftables1)
# The browser VS Code builds some native modules of its own.
vscode_packages=(pkg-config libkrb5-dev libsecret-1-dev)
test_packages=(busybox-static chromium iproute2 nftables zstd xz-utils qemu-system-x86 cpio kmod e2fsprogs clang libclang-rt-14-dev
  # Peers for images, and what makes their registries and files.
  skopeo umoci docker-registry podman docker.io openssl apache2-utils attr libcap2-bin
  # Peers whose cgroups and namespaces are seen.
  runc lxc)
