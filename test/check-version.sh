#!/bin/bash
# One version everywhere: VERSION, META.json, the control file, the plugin's hello record, and
# what `dbsync --version` prints (where it has been built).
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(cat VERSION)
failed=0

expect()
{
	if [ "$2" != "$3" ]; then
		echo "not ok - $1 says \"$2\", VERSION says \"$3\""
		failed=1
	else
		echo "ok - $1: $2"
	fi
}

# The extension's version has no third part: its SQL does not change between patch releases.
control=$(find . -name alidecode.control -not -path './build/*' | head -n 1)
expect "$control" "$(sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" "$control")" "${version%.*}"
[ -f "sql/alidecode--${version%.*}.sql" ] && sql=yes || sql=no
expect "sql/alidecode--${version%.*}.sql exists" "$sql" yes
for found in $(sed -n 's/^ *"version": "\([0-9.]*\)".*/\1/p' META.json | sed '$d'); do
	expect META.json "$found" "$version"
done
plugin=$(sed -n 's/^#define ALIDECODE_VERSION[^"]*"\([^"]*\)".*/\1/p' decoder/*.[ch] | head -n 1)
expect "the plugin" "$plugin" "$version"
if [ -x build/dbsync ]; then
	expect "dbsync --version" "$(build/dbsync --version | sed 's/.* //')" "$version"
fi
grep -q "^## $version" CHANGELOG.md && changelog=yes || changelog=no
expect "CHANGELOG.md has an entry" "$changelog" yes
exit $failed
