package tensor

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"detnas/core/native"
)

// OnThread runs f on an OS thread of its own with a team of n threads for
// libtorch's operators. All tensor work goes through it: autograd's mode, the
// team and gotch's last error belong to the thread.
func OnThread(n int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := native.Load(); err != nil {
		return err
	}
	native.SetThreads(max(n, 1))
	if limited() {
		if err := native.ReserveBLAS(max(n, 1)); err != nil {
			return fmt.Errorf("libtorch cannot start: %w; free memory, raise the limit (ulimit -v) or lower threads", err)
		}
	}
	return f()
}

// Repeatable has dev, where it is a CUDA device, give the same bits each time, and
// compute float in full rather than in TF32. It is for the whole process, and the thread
// that trains calls it.
func Repeatable(dev Device) error {
	if dev == CPU {
		return nil
	}
	if err := native.Repeatable(); err != nil {
		return fmt.Errorf("have %s repeat its results: %w", dev, err)
	}
	return nil
}

// SetTeam changes the team of the calling thread, within OnThread.
func SetTeam(n int) { native.SetThreads(max(n, 1)) }

// limited reports whether the process may have only so much memory (ulimit -v), so
// that a library can be refused some.
func limited() bool {
	var l unix.Rlimit
	return unix.Getrlimit(unix.RLIMIT_AS, &l) == nil && l.Cur != unix.RLIM_INFINITY
}

// Info says what the program computes with.
type Info struct {
	LibTorch string // version
	BLAS     string // library and, where known, whether it is a slow one
	BLASPath string
	Slow     bool // the reference BLAS: 30 times slower than OpenBLAS
	CUDA     int  // devices
}

// Describe finds out what the program computes with.
func Describe() Info {
	if err := native.Load(); err != nil {
		return Info{LibTorch: err.Error(), BLAS: "unknown"}
	}
	path := native.BLAS()
	name, slow := blasName(path)
	return Info{LibTorch: native.TorchVersion(), BLAS: name, BLASPath: path, Slow: slow, CUDA: native.CUDADevices()}
}

// blasName tells the library from its path, which Debian's alternatives system
// leaves telling: .../openblas-pthread/libblas.so.3, .../blas/libblas.so.3.10.
func blasName(path string) (name string, slow bool) {
	dir, file := filepath.Base(filepath.Dir(path)), filepath.Base(path)
	switch {
	case strings.Contains(dir, "openblas") || strings.Contains(file, "openblas"):
		return strings.TrimSuffix("OpenBLAS ("+dir+")", " (lib)"), false
	case strings.Contains(file, "mkl"), strings.Contains(file, "torch_cpu"):
		return "MKL", false
	case strings.Contains(dir, "blis"):
		return "BLIS", false
	case strings.Contains(dir, "atlas"):
		return "ATLAS", false
	case strings.HasPrefix(file, "libblas"):
		return "reference BLAS", true
	case path == "":
		return "unknown", false
	}
	return file, false
}
