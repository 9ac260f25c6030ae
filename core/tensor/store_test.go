package tensor

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"detnas/core/ranks/local"
)

// TestLocalStore uses the store of one machine as two ranks do, and as launch does.
func TestLocalStore(t *testing.T) {
	name := fmt.Sprintf("test-%d", os.Getpid())
	if _, err := OpenLocalStore(name, "p", 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "no process") {
		t.Fatalf("a store that nobody keeps: %v", err)
	}
	if err := local.Serve(name); err != nil {
		t.Fatal(err)
	}
	if err := local.Serve(name); err == nil {
		t.Error("two processes keep one store")
	}
	var stores []*Store
	for range 2 {
		s, err := OpenLocalStore(name, "p", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	a, b := stores[0], stores[1]
	if v, ok, err := b.Get("k"); ok || err != nil {
		t.Errorf("a key that nobody has set: %q, %v", v, err)
	}
	long := bytes.Repeat([]byte("long\x00"), 1<<18)
	for _, want := range [][]byte{{}, []byte("short"), long} {
		if err := a.Set("k", want); err != nil {
			t.Fatal(err)
		}
		if v, ok, err := b.Get("k"); !ok || err != nil || !bytes.Equal(v, want) {
			t.Errorf("%d bytes (%v, %v), want %d", len(v), ok, err, len(want))
		}
	}
	for i, s := range []*Store{a, b, a} {
		if n, err := s.Add("n", int64(i)-5); err != nil || n != []int64{-5, -9, -12}[i] {
			t.Errorf("sum %d: %d (%v)", i, n, err)
		}
	}
	if err := local.Set(name, "p/told", "by another"); err != nil {
		t.Fatal(err)
	}
	if v, ok, err := b.Get("told"); !ok || err != nil || string(v) != "by another" {
		t.Errorf("what another process told: %q, %v, %v", v, ok, err)
	}
}
