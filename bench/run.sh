#!/bin/bash
# All questions, one after the other, then the tables and the charts of docs/benchmarks.md.
#
# BENCH_ONLY="drain copy" asks only these. BENCH_SCALE=quick (default) tells whether it works;
# full, for figures to publish, takes about an hour on a quiet machine.
if [ -z "${BENCH_WORK:-}" ]; then
	bash "$(dirname "$0")/install-peers.sh"
fi
. "$(dirname "$0")/lib/enter.sh"

status=0
for question in ${BENCH_ONLY:-decode drain copy live mysql}; do
	[ -f "$bench/$question.sh" ] || fail "BENCH_ONLY: no such question: $question"
	echo "== $question"
	bash "$bench/$question.sh" || { echo "$question did not end well"; status=1; }
done
exit "$status"
