#!/bin/sh
# Prepares a build against an official libtorch, and prints it as toolchain.sh does, which
# calls this.
#
#   official.sh FOLDER   an unpacked libtorch, or the folder `torch` of a PyTorch that pip
#                        has installed: one with include/ and lib/
#
# A folder in the user's cache, under a name made from its content and from libtorch's
# version, so that Go's build cache notices an upgrade, holds
#   - a compiler wrapper that gives gotch's one big file the header with which it builds
#     against a libtorch newer than 2.1 (compat_new.h);
#   - empty archives in place of those CUDA libraries that gotch links without asking and
#     that FOLDER/lib has not. detnas calls none of them; libtorch brings and finds its own.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
die() { echo "toolchain: $*" >&2; exit 1; }
cure='set it to an unpacked libtorch, or to the folder torch of a PyTorch that pip has installed'

root=$(cd "$1" 2>/dev/null && pwd) || die "LIBTORCH=$1 is no folder; $cure"
case "$root" in
*[!A-Za-z0-9/._+~-]*) die "LIBTORCH=$root: a compiler's flags cannot hold this path; move it, or make a link to it with a plain name" ;;
esac
[ -f "$root/lib/libtorch.so" ] || die "LIBTORCH=$root has no lib/libtorch.so; $cure"
api=$root/include/torch/csrc/api/include
[ -f "$api/torch/torch.h" ] || die "LIBTORCH=$root has no headers (include/torch/csrc/api/include/torch/torch.h); $cure"

# The version stands in one header or, in newer ones, in another that the first includes.
number() {
	cat "$api/torch/version.h" "$root/include/torch/headeronly/version.h" 2>/dev/null |
		sed -n "s/^#define TORCH_VERSION_$1 \([0-9][0-9]*\).*/\1/p" | head -n 1
}
major=$(number MAJOR) minor=$(number MINOR) patch=$(number PATCH)
[ -n "$major" ] && [ -n "$minor" ] || die "LIBTORCH=$root: the headers do not say their version; $cure"
version=$major.$minor.$patch
[ "$major" -gt 2 ] || { [ "$major" -eq 2 ] && [ "$minor" -ge 1 ]; } ||
	die "LIBTORCH=$root is libtorch $version; detnas needs 2.1 or newer (without LIBTORCH it builds on Debian's 1.13)"

standard=17
if grep -qs '__cplusplus < 202002L' "$api/torch/all.h"; then standard=20; fi

# Until 2.6 pip's PyTorch and half of the archives were built with the strings of before
# C++11, which shows in the names of functions that take one.
abi=
if grep -q 'torchCheckFailEPKcS2_jRKSs' "$root/lib/libc10.so"; then abi=' -D_GLIBCXX_USE_CXX11_ABI=0'; fi

absent=
for lib in cuda cudart cublas cudnn caffe2_nvrtc nvrtc-builtins nvrtc nvToolsExt c10_cuda torch_cuda; do
	[ -e "$root/lib/lib$lib.so" ] || absent="$absent $lib"
done

header=
if [ "$major.$minor" != 2.1 ]; then header=$here/compat_new.h; fi
# shellcheck disable=SC2086 # there is none, or one
sum=$({ echo "$root $version $standard $absent"; cat $header "$0"; } | sha256sum | cut -c1-12)
dir="${XDG_CACHE_HOME:-$HOME/.cache}/detnas/official-$sum"
if [ ! -f "$dir/done" ]; then
	tmp=$dir.$$
	mkdir -p "$tmp"
	include=
	if [ -n "$header" ]; then
		cp "$header" "$tmp/compat_new.h"
		include="-include $dir/compat_new.h"
	fi
	for lib in $absent; do
		ar rcs "$tmp/lib$lib.a"
	done
	# gotch's thin wrappers gain nothing from its own -O3 -g, which comes after CGO_CXXFLAGS;
	# nor can another C++ than its 17 be asked for there.
	cat >"$tmp/cxx" <<-END
		#!/bin/sh
		for a in "\$@"; do
			case "\$a" in
			*torch_api.cpp) exec g++ $include "\$@" -std=c++$standard -O0 -g0 -Wno-deprecated-declarations ;;
			esac
		done
		exec g++ "\$@" -std=c++$standard
	END
	chmod +x "$tmp/cxx"
	touch "$tmp/done"
	rm -rf "$dir"
	mv "$tmp" "$dir" 2>/dev/null || rm -rf "$tmp" # another make was first
fi

# --no-as-needed: nothing of libtorch_cuda is called by name, and Ubuntu's linker would
# leave it out. --allow-shlib-undefined: what it needs in turn is found when it is loaded.
cat <<-END
	export CXX='$dir/cxx'
	export CGO_CFLAGS='-O2 -Wno-deprecated-declarations'
	export CGO_CXXFLAGS='-I$root/include -I$api$abi'
	export CGO_LDFLAGS='-L$dir -L$root/lib -Wl,-rpath,$root/lib -Wl,--no-as-needed -Wl,--allow-shlib-undefined'
END
