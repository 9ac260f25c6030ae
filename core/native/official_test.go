package native

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// layout makes the folder of an official libtorch: headers that say the version, and
// libraries of the names given, each with a text in it.
func layout(t *testing.T, version string, libs map[string]string) string {
	t.Helper()
	root := t.TempDir()
	var v [3]int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		t.Fatal(err)
	}
	numbers := fmt.Sprintf("#define TORCH_VERSION_MAJOR %d\n#define TORCH_VERSION_MINOR %d\n#define TORCH_VERSION_PATCH %d\n", v[0], v[1], v[2])
	const api = "include/torch/csrc/api/include/torch/"
	files := map[string]string{api + "torch.h": "", api + "all.h": "", api + "version.h": numbers}
	if v[1] >= 9 {
		files[api+"version.h"], files["include/torch/headeronly/version.h"] = "#include <torch/headeronly/version.h>\n", numbers
	}
	for name, text := range libs {
		files["lib/"+name] = text
	}
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// toolchain runs toolchain.sh for a libtorch and returns what it exports.
func toolchain(t *testing.T, libtorch, cache string) (map[string]string, string) {
	t.Helper()
	cmd := exec.Command("sh", "toolchain.sh")
	cmd.Env = append(os.Environ(), "LIBTORCH="+libtorch, "XDG_CACHE_HOME="+cache)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, stderr.String()
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		if !ok {
			t.Fatalf("not an export: %s", line)
		}
		exports[name] = strings.Trim(value, "'")
	}
	return exports, ""
}

var (
	newABI = "_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE"
	oldABI = "_ZN3c106detail14torchCheckFailEPKcS2_jRKSs"
	onCPU  = map[string]string{"libtorch.so": "", "libc10.so": newABI}
)

func TestOfficialLibtorch(t *testing.T) {
	pip := map[string]string{"libtorch_cuda.so": "", "libc10_cuda.so": "", "libcaffe2_nvrtc.so": "", "libtorch.so": "", "libc10.so": newABI}
	for name, tt := range map[string]struct {
		version      string
		libs         map[string]string
		header, abi  bool
		absent, here []string // libraries that have an empty archive, and that have none
	}{
		"2.1 for the processor": {"2.1.2", onCPU, false, false, []string{"torch_cuda", "c10_cuda", "nvToolsExt"}, nil},
		"pip's for CUDA":        {"2.11.0", pip, true, false, []string{"cudart", "nvToolsExt"}, []string{"torch_cuda", "c10_cuda", "caffe2_nvrtc"}},
		"strings of old":        {"2.4.1", map[string]string{"libtorch.so": "", "libc10.so": oldABI}, true, true, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			root := layout(t, tt.version, tt.libs)
			got, failure := toolchain(t, root, t.TempDir())
			if failure != "" {
				t.Fatal(failure)
			}
			text, err := os.ReadFile(got["CXX"])
			if err != nil {
				t.Fatal(err)
			}
			if has := strings.Contains(string(text), "-include "+filepath.Dir(got["CXX"])+"/compat_new.h"); has != tt.header {
				t.Errorf("the header is included: %v, want %v", has, tt.header)
			}
			if has := strings.Contains(got["CGO_CXXFLAGS"], "_GLIBCXX_USE_CXX11_ABI=0"); has != tt.abi {
				t.Errorf("the ABI of before C++11: %v, want %v (%s)", has, tt.abi, got["CGO_CXXFLAGS"])
			}
			if !strings.Contains(got["CGO_CXXFLAGS"], "-I"+root+"/include ") || !strings.Contains(got["CGO_LDFLAGS"], "-Wl,-rpath,"+root+"/lib ") {
				t.Errorf("exports %v", got)
			}
			archive := func(lib string) bool {
				_, err := os.Stat(filepath.Join(filepath.Dir(got["CXX"]), "lib"+lib+".a"))
				return err == nil
			}
			for _, lib := range tt.absent {
				if !archive(lib) {
					t.Errorf("nothing is in place of %s", lib)
				}
			}
			for _, lib := range tt.here {
				if archive(lib) {
					t.Errorf("an empty archive is in place of %s", lib)
				}
			}
			if strings.Contains(got["CGO_CFLAGS"], "DETNAS_LAZY") {
				t.Errorf("it would be loaded lazily: %s", got["CGO_CFLAGS"])
			}
		})
	}
}

// The folder's name follows the version, so that Go builds anew after an upgrade.
func TestOfficialLibtorchIsUpgraded(t *testing.T) {
	cache, root := t.TempDir(), layout(t, "2.10.0", onCPU)
	before, _ := toolchain(t, root, cache)
	again, _ := toolchain(t, root, cache)
	header := filepath.Join(root, "include/torch/headeronly/version.h")
	text, err := os.ReadFile(header) //nolint:gosec // written above
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(header, []byte(strings.Replace(string(text), "MINOR 10", "MINOR 11", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	after, _ := toolchain(t, root, cache)
	if before["CXX"] == "" || before["CXX"] != again["CXX"] || before["CXX"] == after["CXX"] {
		t.Errorf("the compiler is %s, again %s, after the upgrade %s", before["CXX"], again["CXX"], after["CXX"])
	}
}

func TestOfficialLibtorchRefused(t *testing.T) {
	spaced := filepath.Join(t.TempDir(), "a b")
	if err := os.Mkdir(spaced, 0o750); err != nil {
		t.Fatal(err)
	}
	headless := layout(t, "2.11.0", onCPU)
	if err := os.RemoveAll(filepath.Join(headless, "include")); err != nil {
		t.Fatal(err)
	}
	for want, root := range map[string]string{
		"is no folder":          filepath.Join(spaced, "nosuch"),
		"cannot hold this path": spaced,
		"has no lib/libtorch.so; set it to an unpacked libtorch": layout(t, "2.11.0", nil),
		"has no headers":                       headless,
		"is libtorch 1.13.1; detnas needs 2.1": layout(t, "1.13.1", onCPU),
	} {
		if got, failure := toolchain(t, root, t.TempDir()); !strings.Contains(failure, want) || !strings.HasPrefix(failure, "toolchain: LIBTORCH=") {
			t.Errorf("%v, %q; want %q", got, failure, want)
		}
	}
}
