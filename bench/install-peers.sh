#!/bin/bash
# Installs the peers that are Debian packages, for the server that pg_config stands for. What
# cannot be had is named and left out of the benchmarks; that is no failure.
set -uo pipefail

major=$("${PG_CONFIG:-pg_config}" --version | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p')

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "no apt-get here: install wal2json, pglogical, pgcopydb and pgloader by other means to have them measured"
	exit 0
fi
apt_get=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300)
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "neither root nor sudo: only peers that are installed are measured"; exit 0; }
	apt_get=(sudo "${apt_get[@]}")
fi

for package in "postgresql-$major-wal2json" "postgresql-$major-pglogical" pgcopydb pgloader; do
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" != installed ] || continue
	if apt-cache show "$package" >/dev/null 2>&1 || { "${apt_get[@]}" update >/dev/null && apt-cache show "$package" >/dev/null 2>&1; }; then
		"${apt_get[@]}" install --no-install-recommends "$package" </dev/null >/dev/null || echo "not installed: $package"
	else
		echo "no package $package here: left out"
	fi
done
exit 0
