#!/bin/sh
# Makes the folder of build aids that toolchain.sh describes and prints its path.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sum=$(cat "$here/compat.h" "$0" | sha256sum | cut -c1-12)
dir="${XDG_CACHE_HOME:-$HOME/.cache}/detnas/build-$sum"
if [ ! -f "$dir/done" ]; then
	tmp="$dir.$$"
	mkdir -p "$tmp"
	cp "$here/compat.h" "$tmp/"
	for lib in cuda cudart cublas cudnn caffe2_nvrtc nvrtc-builtins nvrtc nvToolsExt c10_cuda torch_cuda; do
		ar rcs "$tmp/lib$lib.a"
	done
	# Only gotch's one big file needs the header. Its thin wrappers gain nothing
	# from gotch's own -O3 -g, which comes after CGO_CXXFLAGS; without them the
	# file takes 20 s instead of 70.
	cat >"$tmp/cxx" <<-END
		#!/bin/sh
		case "\$*" in
		*torch_api.cpp*) exec g++ -include $dir/compat.h "\$@" -O0 -g0 ;;
		esac
		exec g++ "\$@"
	END
	chmod +x "$tmp/cxx"
	touch "$tmp/done"
	rm -rf "$dir"
	mv "$tmp" "$dir" 2>/dev/null || rm -rf "$tmp" # another make was first
fi
echo "$dir"
