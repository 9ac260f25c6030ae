package run

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestListing(t *testing.T) {
	f, err := Create(t.TempDir(), "r")
	if err != nil {
		t.Fatal(err)
	}
	const key = "data.classification.train"
	if _, err := f.ReadListing(key); f.Lists(key) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is a listing: %v", err)
	}
	for _, want := range []Listing{{"12", []string{"cat/a.png", "b\nc.png"}}, {"34", []string{}}} {
		if err := f.WriteListing(key, want); err != nil {
			t.Fatal(err)
		}
		got, err := f.ReadListing(key)
		if diff := cmp.Diff(want, got); diff != "" || err != nil || !f.Lists(key) {
			t.Error(diff, err)
		}
	}
	path := f.listingPath(key)
	for name, text := range map[string]string{"nothing": "", "text": "cat/a.png\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := f.ReadListing(key); err == nil {
			t.Errorf("%s is read as a listing", name)
		}
	}
	left := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".1"+tempSuffix)
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Unlock(), f.Lock()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a dead process left half written is there still")
	}
}
