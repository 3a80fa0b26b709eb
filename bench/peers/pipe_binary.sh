# shellcheck shell=bash
# The same in binary format.

. "$bench/peers/pipe_text.sh"
pipe_format=binary
