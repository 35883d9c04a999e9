#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the tests of the docker provider need, on Debian and its kin: Podman with runc, a static busybox for
# images, and Docker's daemon. Nothing is started, and Docker's files are only unpacked, into
# ${XDG_CACHE_HOME:-$HOME/.cache}/virtual-kubelet/docker, because its package would start a daemon of its own.
set -euo pipefail

packages=(podman runc busybox-static iptables iproute2)
missing=()
for package in "${packages[@]}"; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
docker=${XDG_CACHE_HOME:-$HOME/.cache}/virtual-kubelet/docker

if [ ${#missing[@]} -gt 0 ] || [ ! -x "$docker/usr/sbin/dockerd" ]; then
  apt-get update -qq
fi
if [ ${#missing[@]} -gt 0 ]; then
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
if [ ! -x "$docker/usr/sbin/dockerd" ]; then
  download=$(mktemp -d)
  trap 'rm -rf "$download"' EXIT
  (cd "$download" && apt-get download -qq docker.io containerd tini)
  mkdir -p "$docker"
  for file in "$download"/*.deb; do dpkg -x "$file" "$docker"; done
fi
echo "podman $(podman --version | cut -d' ' -f3), dockerd $("$docker/usr/sbin/dockerd" --version | cut -d' ' -f3)"
