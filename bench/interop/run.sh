#!/usr/bin/env bash
# Holds what detnas exports against other programs: ONNX files by onnxruntime (npm, at the
# version of package-lock.json) and OpenCV (apt), weights by PyTorch (apt), event files by
# TensorBoard where Python has it. Installs the first three.
set -euo pipefail
cd "$(dirname "$0")/../.."

say() { echo "interop: $*" >&2; }
die() {
	say "$*"
	exit 1
}

missing=()
for package in torch cv2 onnx; do
	/usr/bin/python3 -c "import $package" 2>/dev/null || missing+=("python3-$package")
done
missing=("${missing[@]/python3-cv2/python3-opencv}")
if [ ${#missing[@]} -gt 0 ]; then
	command -v apt-get >/dev/null || die "needs ${missing[*]}, and there is no apt-get to install them"
	sudo=
	if [ "$(id -u)" != 0 ]; then
		command -v sudo >/dev/null || die "needs ${missing[*]}; run as root: apt-get install ${missing[*]}"
		sudo=sudo
	fi
	say "installing ${missing[*]} with apt"
	$sudo apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
		die "apt could not install them; see above"
fi
if [ ! -d bench/interop/node_modules/onnxruntime-node ]; then
	command -v npm >/dev/null || die "needs npm for onnxruntime; install node 18 or later"
	say "installing onnxruntime with npm (300 MB)"
	# its script would fetch CUDA's libraries; those for the CPU are in the package
	npm ci --prefix bench/interop --ignore-scripts --no-audit --no-fund >&2
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
env=$(core/native/toolchain.sh)
eval "$env"
go test -count=1 -v -run 'TestONNX|Imported|TestTheOtherShuffleShows' ./core/engine | grep -v 'ERROR:'
go test -count=1 -v -run 'TestExport' ./tui/cli
bin/detnas run tiny --headless --runs "$out" --name tiny --set tensorboard=true >/dev/null
/usr/bin/python3 bench/interop/eventfiles.py "$out/tiny"
for to in pth safetensors; do
	bin/detnas export tiny --runs "$out" --to "$to" -o "$out/tiny.$to" >/dev/null
done
/usr/bin/python3 bench/interop/weights.py "$out/tiny.pth" "$out/tiny.safetensors"
