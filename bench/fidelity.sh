#!/bin/sh
# Runs the tests that hold a part against an independent implementation and prints
# the largest difference that each saw, of gradients and batch statistics by
# themselves. Those without a figure compare for equality, or are skipped where what
# they need is not at hand. The table is what docs/fidelity.md has.
#
#   bench/fidelity.sh
set -eu
cd "$(dirname "$0")/.."
env=$(core/native/toolchain.sh)
eval "$env"

log=$(mktemp)
trap 'rm -f "$log"' EXIT
go test -v -count=1 -run 'Torch|Reference|Pycocotools|BothFormsAreTheSame|Pillow' \
	./core/dataset ./core/native/turbojpeg ./core/train ./nas/supernet ./detector/... >"$log" 2>&1 || { grep -v ' differs by ' "$log"; exit 1; }
awk '
	function kind(line) {
		if (line ~ /[Gg]radient/) return "gradients"
		if (line ~ /batch statistic/) return "statistics"
		if (line ~ /boxes in px/) return "boxes, px"
		if (line ~ /scores/) return "scores"
		if (line ~ /halved chroma/) return "halved, of 255"
		if (line ~ /levels of 255/) return "of 255"
		return "values"
	}
	/^=== (RUN|CONT|NAME)/ {
		test = $3
		sub("/.*", "", test)
		if (test != last) order[++n] = last = test
	}
	/ differs by [-+.e0-9]+$/ {
		k = kind($0)
		if (!((n, k) in worst)) kinds[n] = kinds[n] k "\t"
		if (!((n, k) in worst) || $NF + 0 > worst[n, k]) worst[n, k] = $NF + 0
	}
	/^--- SKIP: / {
		for (i = n; order[i] != $3; i--);
		skipped[i] = 1
	}
	/^ok/ {
		sub("detnas/", "", $2)
		while (done < n) {
			count = split(kinds[++done], list, "\t")
			if (count == 0) printf "%-18s %-44s %s\n", $2, order[done], skipped[done] ? "skipped" : "equal"
			for (i = 1; i < count; i++) printf "%-18s %-44s %-14s %.1e\n", $2, order[done], list[i], worst[done, list[i]]
		}
		last = ""
	}
' "$log"
