#!/bin/sh
# Prepares what the C++ side of detnas is built with and prints it as shell
# exports (for `eval "$(core/native/toolchain.sh)"`, which is what make does).
#
#   LIBTORCH unset   Debian's libtorch: installs libtorch-dev, libgloo-dev, OpenBLAS and
#                    libturbojpeg if they are missing (apt; with sudo when not root), and sets up
#                    the compatibility header, empty archives in place of the
#                    CUDA libraries that gotch links without asking, and a
#                    compiler wrapper, which also has libtorch loaded when it is
#                    first needed (lazy/lazy.c). These live in the user's cache folder
#                    under a name made from their content, so that every
#                    checkout shares them and Go's build cache notices a change.
#   LIBTORCH=/path   an official libtorch of 2.1 or newer (CPU or CUDA) unpacked there, or
#                    pip's PyTorch, whose folder this prints:
#                    python3 -c 'import torch,os;print(os.path.dirname(torch.__file__))'
#                    See official.sh.
#
# All messages go to stderr.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
say() { echo "toolchain: $*" >&2; }
die() { say "$*"; exit 1; }

command -v go >/dev/null || die "go is not on the PATH; install Go 1.26.8 or newer (https://go.dev/doc/install) and try again"

missing() { # the packages of the arguments that dpkg does not have
	for p in "$@"; do
		dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$p"
	done
}

install() {
	[ $# -eq 0 ] && return
	command -v apt-get >/dev/null || die "needs $*, and there is no apt-get; install them, or set LIBTORCH=/path to an official libtorch"
	sudo=
	if [ "$(id -u)" -ne 0 ]; then
		command -v sudo >/dev/null || die "needs $*; run as root: apt-get install $*"
		sudo=sudo
	fi
	say "installing $* with apt (about 20 s)"
	$sudo apt-get update -qq >&2 || say "apt-get update failed; trying with the lists at hand"
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$@" >&2 ||
		die "apt could not install $*; see above"
}

if [ -n "${LIBTORCH:-}" ]; then
	command -v g++ >/dev/null || install g++
	exec "$here/official.sh" "$LIBTORCH"
fi

want=$(missing g++ libtorch-dev libgloo-dev libturbojpeg0) # the last is optional: JPEGs are decoded faster
# Any OpenBLAS will do; Debian's reference BLAS is 30 times slower.
[ -n "$(missing libopenblas0-pthread)" ] && [ -n "$(missing libopenblas0-openmp)" ] && want="$want libopenblas0"
# shellcheck disable=SC2086 # a list
install $want

stubs=$("$here/stubs.sh")
lazy=
[ "$(uname -m)" = x86_64 ] && lazy=' -DDETNAS_LAZY' # as the compiler wrapper
cat <<-END
	export CXX='$stubs/cxx'
	export CGO_CFLAGS='-O2 -Wno-deprecated-declarations$lazy'
	export CGO_CXXFLAGS='-I/usr/include/torch/csrc/api/include'
	export CGO_LDFLAGS='-L$stubs -Wl,--as-needed'
END
