#!/bin/sh
# Times detnas beside PyTorch and torchvision (apt's 1.13.1 and 0.14.1, the same
# libtorch as detnas is built on) in one run and prints the result as Markdown.
#
#   bench/run.sh [flags of bench/pair]    such as -each 20s, -only detect-train
#
# Takes about twelve minutes on a machine that does nothing else. Messages go to stderr.
set -eu
cd "$(dirname "$0")/.."
say() { echo "bench: $*" >&2; }
die() { say "$*"; exit 1; }

if ! /usr/bin/python3 -c 'import torch, torchvision' 2>/dev/null; then
	command -v apt-get >/dev/null || die "needs torch and torchvision for /usr/bin/python3, and there is no apt-get to install them"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || die "needs python3-torch and python3-torchvision; run as root: apt-get install python3-torch python3-torchvision"
		sudo=sudo
	fi
	say "installing python3-torch and python3-torchvision with apt"
	$sudo apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
		python3-torch python3-torchvision >&2 || die "apt could not install them; see above"
fi

export PYTHONDONTWRITEBYTECODE=1 # leaves the checkout as it is

# How idle threads wait. detnas sets these for itself (core/native/waiting.c);
# here PyTorch gets the same, which helps it too. -peer-default-waiting leaves
# PyTorch with the libraries' own.
export GOMP_SPINCOUNT="${GOMP_SPINCOUNT:-10000}" OPENBLAS_THREAD_TIMEOUT="${OPENBLAS_THREAD_TIMEOUT:-16}"

env=$(core/native/toolchain.sh)
eval "$env"
go build -o bin/bench-step ./bench/step
go build -o bin/bench-pair ./bench/pair
exec bin/bench-pair "$@"
