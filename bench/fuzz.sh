#!/bin/sh
# Runs every fuzz target of the module, one after the other, each for DURATION.
#
#   bench/fuzz.sh 20s
#
# An input that fails is kept in the package's testdata/fuzz, where go test finds
# it from then on.
set -eu
cd "$(dirname "$0")/.."
duration=${1:?"usage: bench/fuzz.sh DURATION, such as 20s"}
env=$(core/native/toolchain.sh)
eval "$env"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# late reports whether all that went wrong is that Go's own time ran out: when
# -fuzztime ends while a worker is waited for, the target is sometimes failed with
# "context deadline exceeded" and nothing else. An input that hangs or fails is
# always named besides, as one that was written or as one of the seeds.
late() {
	grep -q '^ *context deadline exceeded$' "$log" &&
		! grep -q -e 'Failing input written' -e 'seed corpus entry' -e '^panic: ' -e 'hung or terminated' "$log"
}

failed=0 targets=0
for dir in $(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz' | xargs -n 1 dirname | sort -u); do
	go test "./$dir" -run '^$' >"$log" 2>&1 || { cat "$log" >&2; echo "fuzz: the tests of $dir do not build" >&2; exit 2; }
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go); do
		targets=$((targets + 1))
		echo "fuzz: $dir $target for $duration"
		# Inputs are made smaller for a few tries only: by default Go spends up to a
		# minute on each that is interesting, and little of the duration on new ones.
		if go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$duration" -fuzzminimizetime 10x >"$log" 2>&1; then
			tail -n 2 "$log"
		elif late; then
			echo "fuzz: Go ran late, and nothing was found"
		else
			cat "$log"
			failed=$((failed + 1))
		fi
	done
done
[ "$targets" -gt 0 ] || { echo "fuzz: found no target" >&2; exit 1; }
echo "fuzz: $targets targets, $failed failed"
[ "$failed" -eq 0 ]
