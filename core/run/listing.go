package run

import (
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"detnas/core/input"
)

// Listing are the images of a set by name, as they were when a step was begun
// with it: a fingerprint tells that the set has changed, and this in what. Nothing
// of a run rests on it.
type Listing struct {
	Digest string   `json:"digest"` // of the set's fingerprint
	Names  []string `json:"names"`
}

// Bounds on a listing that is read: bytes of its JSON, names, and bytes of a name
// in JSON. ImageNet's has 40 MB and 1.3 million.
const (
	mostListing = 256 << 20
	mostListed  = 2_000_000
	longListed  = 64 << 10
)

func (f *Folder) listings() string { return filepath.Join(f.dir, "listings") }

func (f *Folder) listingPath(key string) string { return filepath.Join(f.listings(), key+".json.gz") }

// room makes a folder in the run's, which has to be where it was.
func (f *Folder) room(dir string) error {
	if err := f.Ours(); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // runs are there to be read
		return fmt.Errorf("making a folder: %w", err)
	}
	return nil
}

// Lists reports whether the listing of the set that a key of the config names is
// there.
func (f *Folder) Lists(key string) bool {
	_, err := os.Stat(f.listingPath(key))
	return err == nil
}

// WriteListing keeps the listing of the set that a key of the config names.
func (f *Folder) WriteListing(key string, l Listing) error {
	if err := f.room(f.listings()); err != nil {
		return fmt.Errorf("keeping the list of %s: %w", key, err)
	}
	return swap(f.listingPath(key), 0, func(temp *os.File) error {
		z := gzip.NewWriter(temp)
		return errors.Join(json.NewEncoder(z).Encode(l), z.Close(), temp.Chmod(0o644), temp.Close())
	})
}

// ReadListing reads the listing of the set that a key of the config names. One of
// more than 256 MiB of JSON, or of 2 million names, is refused; it takes up to 512
// MiB of memory.
func (f *Folder) ReadListing(key string) (l Listing, err error) {
	file, _, err := input.Open(f.listingPath(key))
	if err != nil {
		return l, fmt.Errorf("reading the list of %s: %w", key, err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err == nil {
		err = l.decode(z)
	}
	if err != nil {
		return Listing{}, fmt.Errorf("reading %s: %w", input.Line(file.Name()), input.Plain(err))
	}
	return l, nil
}

// decode reads a listing name by name: a small file may unpack to any size.
func (l *Listing) decode(r io.Reader) error {
	limited := &io.LimitedReader{R: r, N: mostListing}
	dec := input.Decoder(limited, longListed)
	err := l.decodeFields(dec)
	switch {
	case err != nil && limited.N == 0:
		return fmt.Errorf("%w: more than %d bytes of JSON", input.ErrTooLarge, mostListing)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it ends in the middle")
	}
	return err
}

func (l *Listing) decodeFields(dec *json.Decoder) error {
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return cmp.Or(err, errors.New("it is no object"))
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err //nolint:wrapcheck // wrapped by ReadListing
		}
		switch key {
		case "digest":
			err = dec.Decode(&l.Digest)
		case "names":
			err = l.decodeNames(dec)
		default:
			err = input.Skip(dec)
		}
		if err != nil {
			return err //nolint:wrapcheck // as above
		}
	}
	_, err := dec.Token()
	return err //nolint:wrapcheck // as above
}

func (l *Listing) decodeNames(dec *json.Decoder) error {
	t, err := dec.Token()
	if err == nil && t == nil { // null, of a set without images
		return nil
	}
	if err != nil || t != json.Delim('[') {
		return cmp.Or(err, errors.New("its names are no list"))
	}
	l.Names = []string{}
	for dec.More() {
		if len(l.Names) == mostListed {
			return fmt.Errorf("%w: more than %d names", input.ErrTooLarge, mostListed)
		}
		var name string
		if err := dec.Decode(&name); err != nil {
			return err //nolint:wrapcheck // as above
		}
		l.Names = append(l.Names, name)
	}
	_, err = dec.Token()
	return err //nolint:wrapcheck // as above
}
