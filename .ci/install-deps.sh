#!/bin/bash
# Installs the packages that building and testing need, where they are missing. Debian and
# Ubuntu by apt-get, as root or through sudo. Elsewhere it only says what is needed.
#
# PG_CONFIG naming another server than the distribution's: its packages are left alone.
set -euo pipefail

packages="build-essential pkg-config perl libipc-run-perl libpq-dev libjansson-dev libsqlite3-dev libinih-dev libcmocka-dev libmariadb-dev"

is_installed()
{
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "packages are missing, and there is neither root nor sudo to install them" >&2
		exit 1
	fi
}

apt_get()
{
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

# The major version that the distribution's package `postgresql` stands for. Empty where apt
# does not know it (yet).
default_major()
{
	apt-cache depends postgresql 2>/dev/null | sed -n 's/^ *Depends: postgresql-\([0-9][0-9]*\)$/\1/p' | head -n 1
}

# Where a server's development files are there already, their version is the one to use.
installed_major()
{
	local bindir major

	bindir=$("${PG_CONFIG:-pg_config}" --bindir 2>/dev/null) || return 0
	[ -f "$("${PG_CONFIG:-pg_config}" --pgxs)" ] || return 0
	major=$(sed -n 's,^/usr/lib/postgresql/\([0-9][0-9]*\)/bin$,\1,p' <<<"$bindir")
	echo "${major:-other}"
}

has_program()
{
	PATH=$PATH:/usr/sbin:/usr/local/sbin command -v "$1" >/dev/null
}

# The server's programs alone: the package mariadb-server would start one. Before Debian 12 and
# Ubuntu 24.04 the names end with a version. A MySQL server that is there would have to go for
# them, so it stays, and the tests that need MariaDB are skipped.
mariadb_packages()
{
	local kind name

	has_program mysqld && ! has_program mariadbd && return
	for kind in server client; do
		name=$(apt-cache pkgnames "mariadb-$kind-core" | sort -V | head -n 1)
		[ -z "$name" ] || is_installed "$name" || echo "$name"
	done
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
	echo "no apt-get here: make sure that these are installed, by whatever names: $packages" \
		"a PostgreSQL server (13 or newer) with its development files and pgbench, and for the tests of" \
		"MySQL sources a MariaDB server (mariadbd, mariadb-install-db, mariadb)"
	exit 0
fi

missing=
for package in $packages; do
	is_installed "$package" || missing="$missing $package"
done

updated=
major=$(installed_major)
if [ -z "$major" ]; then
	major=$(default_major)
	if [ -z "$major" ]; then
		apt_get update
		updated=yes
		major=$(default_major)
	fi
	[ -n "$major" ] || { echo "apt knows no package postgresql" >&2; exit 1; }
fi
if [ "$major" != other ]; then
	for package in "postgresql-$major" "postgresql-server-dev-$major"; do
		is_installed "$package" || missing="$missing $package"
	done
fi

if ! has_program mariadbd || ! has_program mariadb; then
	if [ -z "$(apt-cache pkgnames mariadb-server-core)" ] && [ -z "$updated" ]; then
		apt_get update
		updated=yes
	fi
	missing="$missing $(mariadb_packages | tr '\n' ' ')"
fi

if [ -n "${missing// /}" ]; then
	echo "installing:$missing"
	[ -n "$updated" ] || apt_get update
	# shellcheck disable=SC2086
	apt_get install --no-install-recommends $missing
fi
