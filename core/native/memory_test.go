package native

import (
	"errors"
	"testing"
)

func TestErrorOf(t *testing.T) {
	for text, want := range map[string]string{
		"[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 419430400 bytes. Error code 12 (Cannot allocate memory)": "out of memory: 400.0 MiB was asked for",
		"CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 79.15 GiB total capacity; 77.51 GiB already allocated; 2.25 MiB free; 77.62 GiB reserved in total by PyTorch)":  "out of memory: 20.00 MiB was asked for",
		"std::bad_alloc":            "out of memory (std::bad_alloc)",
		"CUDA error: out of memory": "out of memory (CUDA error: out of memory)",
		"cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`": "out of memory (cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`)",
	} {
		if err := errorOf(text); !errors.Is(err, ErrOutOfMemory) || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	const other = "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"
	if err := errorOf(other); errors.Is(err, ErrOutOfMemory) || err.Error() != other {
		t.Errorf("%v", err)
	}
}
