#!/bin/bash
# A real MySQL server to test with, where the distribution has MariaDB only: the packages of Debian sid, unpacked into a folder, nothing
# installed. Afterwards FOLDER/mysqld and FOLDER/mysql run them, wherever the folder is moved. Needs a network, apt and Debian's keys, not
# root. What is there already stays.
#
#	test/mysql-server.sh FOLDER
#
# DEBIAN_MIRROR, DEBIAN_SUITE: other than deb.debian.org and sid. MYSQL_PACKAGES: other packages.
set -euo pipefail

folder=$(realpath -m "${1:?usage: mysql-server.sh FOLDER}")
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=${DEBIAN_SUITE:-sid}
packages=${MYSQL_PACKAGES:-mysql-server-core mysql-client-core}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail()
{
	echo "no MySQL server to test with: $*" >&2
	exit 1
}

version()
{
	"$1/mysqld" --no-defaults --version 2>/dev/null
}

if [ -x "$folder/mysqld" ] && version "$folder"; then
	exit 0
fi
for program in apt-get dpkg-deb; do
	command -v $program >/dev/null || fail "there is no $program here. Put mysqld and mysql of any MySQL into a folder, and name that: make check-mysql MYSQL_DIR=..."
done
[ -f "$keyring" ] || fail "there is no $keyring (package debian-archive-keyring)"

mkdir -p "$(dirname "$folder")"
new=$(mktemp -d "$folder.XXXXXX")
trap 'rm -rf "$new"' EXIT

# A state of apt's own: what is installed here plays no part, and nothing of it changes. The proxies are those of this machine.
apt=$new/apt
mkdir -p "$apt"/etc/apt/{apt.conf.d,preferences.d,trusted.gpg.d} "$apt"/var/lib/apt/lists/partial "$apt"/var/lib/dpkg "$apt"/var/cache/apt/archives/partial
: >"$apt/var/lib/dpkg/status"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$apt/etc/apt/sources.list"
{
	apt-config dump | grep -E '^Acquire::(https?|Retries)' || true
	cat <<-CONF
		Dir "$apt/";
		Dir::State::status "$apt/var/lib/dpkg/status";
		APT::Install-Recommends "false";
		APT::Sandbox::User "";
		Acquire::Languages "none";
		Acquire::Check-Valid-Until "false";
	CONF
} >"$apt/apt.conf"
export APT_CONFIG=$apt/apt.conf
apt-get -q -o APT::Update::Error-Mode=any update || fail "$mirror $suite cannot be read. Is there a network?"
# shellcheck disable=SC2086
apt-get -q -y --download-only install $packages || fail "the packages could not be fetched: $packages"
for package in "$apt"/var/cache/apt/archives/*.deb; do
	dpkg-deb -x "$package" "$new/root"
done
rm -rf "$apt" "$new"/root/usr/share/{doc,man,locale,perl}

# Started through their own loader, so that their libraries need not fit this machine's.
loader=$(find "$new/root/usr/lib" -name 'ld-linux*.so*' -printf '%P\n' | head -n 1)
[ -n "$loader" ] || fail "the packages have no loader"
libraries=$(dirname "$loader")
program()
{
	cat >"$new/$(basename "$1")" <<-PROGRAM
		#!/bin/bash
		# $1 of Debian $suite. The first argument is --no-defaults.
		here=\$(dirname "\$(realpath "\$0")")/root/usr
		exec "\$here/lib/$loader" --library-path "\$here/lib/$libraries:\$here/lib/mysql/private" "\$here/$1" "\$1" \\
			"--character-sets-dir=\$here/share/mysql/charsets" $2 "\${@:2}"
	PROGRAM
	chmod 755 "$new/$(basename "$1")"
}
# shellcheck disable=SC2016
program sbin/mysqld '"--basedir=$here" "--lc-messages-dir=$here/share/mysql" "--plugin-dir=$here/lib/mysql/plugin"'
program bin/mysql ''
chmod -R a+rX "$new"
version "$new" || fail "it does not run: $("$new/mysqld" --no-defaults --version 2>&1 | tail -n 3)"
rm -rf "$folder"
mv "$new" "$folder"
