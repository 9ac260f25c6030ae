package native

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadFails is the process of TestLoadSaysWhatIsMissing.
func TestLoadFails(t *testing.T) {
	if os.Getenv("NATIVE_TEST_BROKEN") == "" {
		t.Skip("is run by TestLoadSaysWhatIsMissing")
	}
	fmt.Println("load:", Load())
}

// lazy skips a test where libtorch is linked and not loaded.
func lazy(t *testing.T) {
	t.Helper()
	env, err := exec.Command("go", "env", "CGO_CFLAGS").Output()
	if err != nil || !strings.Contains(string(env), "DETNAS_LAZY") {
		t.Skip("libtorch is linked here, not loaded")
	}
}

// TestLoadsNothingUnused looks for what libtorch names as needed and takes nothing from.
func TestLoadsNothingUnused(t *testing.T) {
	lazy(t)
	if err := Load(); err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	if !strings.Contains(string(maps), "libtorch_cpu.so.1.13") {
		t.Skip("another libtorch than Debian 12's")
	}
	for _, name := range []string{"libopencv", "libavcodec", "libgdal", "libQt5", "libzmq"} {
		if strings.Contains(string(maps), name) {
			t.Errorf("%s is loaded", name)
		}
	}
}

// TestLoadsWhatIsUsedAfterAll has a library take something from one that libtorch takes
// nothing from: the empty one in that one's place will not do, and the real one is loaded.
func TestLoadsWhatIsUsedAfterAll(t *testing.T) {
	lazy(t)
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"real.c": "int used(void) { return 42; }",
		"unit.c": "int used(void); int asked(void) { return used(); }",
		"main.c": `#include <stdio.h>
			const char *detnas_load_probe(void);
			int asked(void);
			int main(void) {
				const char *why = detnas_load_probe();
				return why ? puts(why), 1 : asked() != 42;
			}`,
	} {
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"gcc", "-shared", "-fPIC", "-Wl,-soname,libzmq.so.5", "-o", in("libzmq.so.5"), in("real.c")},
		{"gcc", "-c", "-fPIC", "-o", in("unit.o"), in("unit.c")},
		{"lazy/lazy.sh", "probe", in("unit.o"), "-L" + dir, "-l:libzmq.so.5"},
		{"gcc", "-o", in("main"), in("main.c"), in("unit.o"), "-ldl", "-lpthread"},
		{"env", "LD_LIBRARY_PATH=" + dir, in("main")},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil { //nolint:gosec // a test
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
}

// TestLoadSaysWhatIsMissing puts an empty library in libtorch's place.
func TestLoadSaysWhatIsMissing(t *testing.T) {
	lazy(t)
	dir := t.TempDir()
	empty := filepath.Join(dir, "libtorch_cpu.so.1.13")
	if out, err := exec.Command("gcc", "-shared", "-o", empty, "-xc", os.DevNull).CombinedOutput(); err != nil { //nolint:gosec // a test
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestLoadFails$") //nolint:gosec // this test itself
	cmd.Env = append(os.Environ(), "NATIVE_TEST_BROKEN=1", "LD_LIBRARY_PATH="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "load: libtorch cannot be loaded: ") || !strings.Contains(string(out), "libtorch-dev") {
		t.Errorf("%v: %s", err, out)
	}
}
