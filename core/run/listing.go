package run

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Listing are the images of a set by name, as they were when a step was begun
// with it: a fingerprint tells that the set has changed, and this in what. Nothing
// of a run rests on it.
type Listing struct {
	Digest string   `json:"digest"` // of the set's fingerprint
	Names  []string `json:"names"`
}

// mostListing bounds what is read of a listing, in bytes of its JSON.
const mostListing = 512 << 20

func (f *Folder) listings() string { return filepath.Join(f.dir, "listings") }

func (f *Folder) listingPath(key string) string { return filepath.Join(f.listings(), key+".json.gz") }

// Lists reports whether the listing of the set that a key of the config names is
// there.
func (f *Folder) Lists(key string) bool {
	_, err := os.Stat(f.listingPath(key))
	return err == nil
}

// WriteListing keeps the listing of the set that a key of the config names.
func (f *Folder) WriteListing(key string, l Listing) error {
	if err := os.MkdirAll(f.listings(), 0o755); err != nil { //nolint:gosec // runs are there to be read
		return fmt.Errorf("keeping the list of %s: %w", key, err)
	}
	return swap(f.listingPath(key), 0, func(temp *os.File) error {
		z := gzip.NewWriter(temp)
		return errors.Join(json.NewEncoder(z).Encode(l), z.Close(), temp.Chmod(0o644), temp.Close())
	})
}

// ReadListing reads the listing of the set that a key of the config names.
func (f *Folder) ReadListing(key string) (l Listing, err error) {
	file, err := os.Open(f.listingPath(key))
	if err != nil {
		return l, fmt.Errorf("reading the list of %s: %w", key, err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err == nil {
		err = json.NewDecoder(io.LimitReader(z, mostListing)).Decode(&l)
	}
	if err != nil {
		return Listing{}, fmt.Errorf("reading %s: %w", file.Name(), err)
	}
	return l, nil
}
