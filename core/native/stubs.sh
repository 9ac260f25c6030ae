#!/bin/sh
# Makes the folder of build aids that toolchain.sh describes and prints its path.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
sum=$(cat "$here/compat.h" "$here/lazy/lazy.c" "$here/lazy/lazy.sh" "$0" | sha256sum | cut -c1-12)
dir="${XDG_CACHE_HOME:-$HOME/.cache}/detnas/build-$sum"
if [ ! -f "$dir/done" ]; then
	tmp="$dir.$$"
	mkdir -p "$tmp"
	cp "$here/compat.h" "$tmp/"
	for lib in cuda cudart cublas cudnn caffe2_nvrtc nvrtc-builtins nvrtc nvToolsExt c10_cuda torch_cuda; do
		ar rcs "$tmp/lib$lib.a"
	done
	cp "$here/lazy/lazy.c" "$here/lazy/lazy.sh" "$tmp/"
	# Only gotch's one big file needs the header. Its thin wrappers gain nothing
	# from gotch's own -O3 -g, which comes after CGO_CXXFLAGS; without them the
	# file takes 20 s instead of 70. What is compiled becomes lazy (lazy.c), on
	# the processors that lazy.sh can write jumps for.
	cat >"$tmp/cxx" <<-END
		#!/bin/sh
		set -e
		unit= out= compiling= last=
		for a in "\$@"; do
			case "\$a" in
			-c) compiling=yes ;;
			*torch_api.cpp) unit=torch_api ;;
			*roi_align.cpp) unit=roi_align ;;
			*focal_loss.cpp) unit=focal_loss ;;
			*group_norm.cpp) unit=group_norm ;;
			*group.cpp) unit=group ;;
			*block.cpp) unit=block ;;
			*memory_pool.cpp) unit=memory_pool ;;
			*ops.cpp) unit=ops ;;
			esac
			[ "\$last" = -o ] && out=\$a
			last=\$a
		done
		case "\$unit" in
		torch_api) g++ -include $dir/compat.h "\$@" -O0 -g0 ;;
		*) g++ "\$@" ;;
		esac
		if [ -n "\$unit" ] && [ -n "\$compiling" ] && [ -n "\$out" ] && [ "\$(uname -m)" = x86_64 ]; then # as toolchain.sh
			$dir/lazy.sh "\$unit" "\$out" -L$dir -ltorch -ltorch_cpu -lc10 -lgomp -ldl
		fi
	END
	chmod +x "$tmp/cxx"
	touch "$tmp/done"
	rm -rf "$dir"
	mv "$tmp" "$dir" 2>/dev/null || rm -rf "$tmp" # another make was first
fi
echo "$dir"
