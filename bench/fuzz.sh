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

failed=0 targets=0
for dir in $(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -l '^func Fuzz' | xargs -n 1 dirname | sort -u); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$dir"/*_test.go); do
		targets=$((targets + 1))
		echo "fuzz: $dir $target for $duration"
		go test "./$dir" -run '^$' -fuzz "^$target\$" -fuzztime "$duration" || failed=$((failed + 1))
	done
done
[ "$targets" -gt 0 ] || { echo "fuzz: found no target" >&2; exit 1; }
echo "fuzz: $targets targets, $failed failed"
[ "$failed" -eq 0 ]
