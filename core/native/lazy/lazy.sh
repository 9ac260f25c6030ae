#!/bin/sh
# Turns a compiled C++ file into one that loads lazily; lazy.c says why.
#   lazy.sh UNIT OBJECT LDFLAGS...
# links OBJECT into a shared library and puts in OBJECT's place one that carries
# that library, and a jump for each of its C functions.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
unit=$1 object=$2
shift 2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

g++ -shared -o "$tmp/library.so" "$object" -Wl,--as-needed "$@" -Wl,--no-undefined -s
nm -g --defined-only "$object" | awk '$2 == "T" && $3 !~ /^_Z/ {print $3}' | sort >"$tmp/names"

# A jump goes through its target's slot. The slot first leads to a loader, which
# keeps all registers that can hold arguments (System V ABI for x86-64, 3.2.3).
awk '
	{ name[NR] = $1 }
	END {
		print ".text"
		for (i = 1; i <= NR; i++) {
			printf ".globl %s\n.type %s, @function\n%s:\n endbr64\n jmp *lazy_targets+%d(%%rip)\n", name[i], name[i], name[i], 8 * (i - 1)
			printf "first_%d:\n leaq lazy_targets+%d(%%rip), %%r11\n jmp lazy_first\n", i, 8 * (i - 1)
		}
		print "lazy_first:"
		print " pushq %rbp\n movq %rsp, %rbp\n subq $208, %rsp\n andq $-16, %rsp"
		n = split("rdi rsi rdx rcx r8 r9 rax r11", r, " ")
		for (i = 1; i <= n; i++) printf " movq %%%s, %d(%%rsp)\n", r[i], 8 * (i - 1)
		for (i = 0; i < 8; i++) printf " movups %%xmm%d, %d(%%rsp)\n", i, 64 + 16 * i
		print " call lazy_load"
		for (i = 0; i < 8; i++) printf " movups %d(%%rsp), %%xmm%d\n", 64 + 16 * i, i
		for (i = 1; i <= n; i++) printf " movq %d(%%rsp), %%%s\n", 8 * (i - 1), r[i]
		print " leave\n jmp *(%r11)"
		print ".data\n.balign 8\n.globl lazy_targets\nlazy_targets:"
		for (i = 1; i <= NR; i++) printf " .quad first_%d\n", i
		print ".section .data.rel.ro, \"aw\"\n.balign 8\n.globl lazy_names\nlazy_names:"
		for (i = 1; i <= NR; i++) printf " .quad text_%d\n", i
		print " .quad 0\n.section .rodata"
		for (i = 1; i <= NR; i++) printf "text_%d: .string \"%s\"\n", i, name[i]
		print ".section .note.GNU-stack, \"\", @progbits"
	}' "$tmp/names" >"$tmp/jumps.s"

gcc -shared -nostdlib -Wl,-soname,detnas-empty-0123456789abcdef -Wl,-z,noseparate-code -Wl,--build-id=none -s \
	-o "$tmp/empty.so" -xc /dev/null
gcc -c -fPIC -O1 -o "$tmp/jumps.o" "$tmp/jumps.s"
gcc -c -fPIC -O1 -DUNIT="$unit" "-DLIBRARY=\"$tmp/library.so\"" "-DEMPTY=\"$tmp/empty.so\"" -o "$tmp/lazy.o" "$here/lazy.c"
ld -r -o "$tmp/both.o" "$tmp/jumps.o" "$tmp/lazy.o"
# Two units in one program: what is theirs alone is named by nobody else.
objcopy --localize-symbol=lazy_targets --localize-symbol=lazy_names --localize-symbol=lazy_load "$tmp/both.o" "$object"
