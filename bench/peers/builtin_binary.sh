# shellcheck shell=bash
# The same with values in binary format.

. "$bench/peers/builtin.sh"
builtin_options=", binary = true"
