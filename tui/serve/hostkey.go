package serve

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	gossh "golang.org/x/crypto/ssh"
)

const mostHostKey = 64 << 10 // bytes

// hostKey reads the key by which clients know the server, and makes one where
// there is none.
func hostKey(path string) (gossh.Signer, error) {
	text, err := readTrusted(path, othersReach, mostHostKey)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeHostKey(path); err != nil {
			return nil, fmt.Errorf("making the host key: %w", err)
		}
		text, err = readTrusted(path, othersReach, mostHostKey)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the host key: %w", err)
	}
	signer, err := gossh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("reading the host key %s: %w; put it back from a copy, or remove it and a new one is made, which clients have to accept anew", path, err)
	}
	return signer, nil
}

// makeHostKey makes a key whole or not at all. Where another process makes one at
// the same time, the first counts.
func makeHostKey(path string) error {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err //nolint:wrapcheck // wrapped by hostKey
	}
	block, err := gossh.MarshalPrivateKey(private, "detnas serve")
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".host_*.tmp") // mode 0600
	if err != nil {
		return err //nolint:wrapcheck // as above
	}
	defer os.Remove(temp.Name())
	err = pem.Encode(temp, block)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err //nolint:wrapcheck // as above
	}
	return nil
}
