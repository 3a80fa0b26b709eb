#!/bin/bash
# A file of consumer/ includes only its own layer and lower ones, and the modules of layer 3
# never each other: they meet in model/. docs/design.md shows the layers.
set -euo pipefail
cd "$(dirname "$0")/../consumer"

find . -name '*.[ch]' | sort | xargs awk '
BEGIN {
	level["base"] = 0
	level["model"] = 1
	level["config"] = level["pg"] = level["mysql"] = 2
	level["source"] = level["store"] = level["copy"] = level["apply"] = 3
	level["sync"] = level["verify"] = level["observe"] = 4
	level["cli"] = 5
}
function complain(what) {
	printf "consumer/%s:%d: %s\n", substr(FILENAME, 3), FNR, what
	bad++
}
FNR == 1 {
	files++
	split(FILENAME, part, "/")
	own = part[2]
	if (!(own in level))
		complain("folder " own " belongs to no layer")
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	split(quoted[2], part, "/")
	other = part[1]
	# A header without a folder is a neighbour.
	if (quoted[2] !~ /\//) {
		neighbour = own "/" quoted[2]
		if ((getline line < neighbour) < 0)
			complain("include \"" quoted[2] "\": no such file in " own)
		close(neighbour)
		next
	}
	if (!(other in level)) {
		complain("include of " quoted[2] ", which belongs to no layer")
		next
	}
	if (level[other] > level[own])
		complain(own " (layer " level[own] ") includes " quoted[2] " (layer " level[other] ")")
	else if (level[own] == 3 && level[other] == 3 && own != other)
		complain(own " includes " quoted[2] ": modules of layer 3 know only the model")
	includes++
}
END {
	if (!bad)
		printf "ok - %d files, %d includes keep to their layers\n", files, includes
	exit (bad || !files) ? 1 : 0
}'
