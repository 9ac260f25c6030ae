package run

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/input"
	"detnas/core/input/inputtest"
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

// repeated writes head, and n times text, as gzip.
func repeated(t testing.TB, head, text string, n int) []byte {
	t.Helper()
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	_, err := io.WriteString(z, head)
	block := strings.Repeat(text, max(1, 64<<10/max(1, len(text))))
	for left := n * len(text); left > 0 && err == nil; left -= len(block) {
		_, err = io.WriteString(z, block[:min(left, len(block))])
	}
	if err := errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestListingsAreBounded unpacks small files that are large.
func TestListingsAreBounded(t *testing.T) {
	f := create(t)
	const key = "data.detection.train"
	if err := f.WriteListing(key, Listing{}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		packed []byte
		want   string
		is     error
		most   int64 // bytes allocated
	}{
		"many names":       {repeated(t, `{"names":["a"`, `,"a"`, mostListed), "more than 2000000 names", input.ErrTooLarge, 512 << 20},
		"a name of length": {repeated(t, `{"names":["`, "x", 1<<20), "a value of more than", input.ErrTooLarge, 2 << 20},
		"space":            {repeated(t, ``, " ", 1<<20), "a value of more than", input.ErrTooLarge, 2 << 20},
		"depth":            {repeated(t, `{"x":`, "[", 1<<20), "deep", input.ErrTooLarge, 2 << 20},
		"cut":              {repeated(t, `{"digest":"1","names":["a"`, "", 0), "it ends in the middle", nil, 1 << 20},
		"nothing packed":   {repeated(t, "", "", 0), "it ends in the middle", nil, 1 << 20},
		"a number":         {repeated(t, `{"names":7}`, "", 0), "its names are no list", nil, 1 << 20},
		"a list":           {repeated(t, `[]`, "", 0), "it is no object", nil, 1 << 20},
		"odd":              {repeated(t, `{"names":["a"x`, "", 0), "expected comma", nil, 1 << 20},
	} {
		put(t, f.listingPath(key), string(tt.packed))
		var err error
		took := inputtest.Allocated(func() { _, err = f.ReadListing(key) })
		inputtest.Clear(t, err, f.listingPath(key), tt.want)
		if tt.is != nil && !errors.Is(err, tt.is) || took > tt.most {
			t.Errorf("%s: %v, %d bytes allocated", name, err, took)
		}
	}
}

// FuzzListing wants of a listing what writing gives again, or one clear error.
func FuzzListing(f *testing.F) {
	for _, text := range []string{`{"digest":"12","names":["cat/a.png","b\nc.png"]}`, `{"names":[]}`, `{"names":null}`, `{"digest":"12"}`, `{"x":[{}],"digest":7}`, `{"names":["\u001b[2J"`, ``, `[`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var l, again Listing
		if err := l.decode(bytes.NewReader(text)); err != nil {
			inputtest.Clear(t, input.Plain(err))
			return
		}
		folder := create(t)
		if err := folder.WriteListing("k", l); err != nil {
			t.Fatal(err)
		}
		again, err := folder.ReadListing("k")
		if len(l.Names) == 0 {
			l.Names = again.Names
		}
		if diff := cmp.Diff(l, again); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}
