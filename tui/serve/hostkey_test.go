package serve

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestHostKeyIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host_ed25519")
	var wait sync.WaitGroup
	var mu sync.Mutex
	found := map[string]bool{}
	for range 8 { // at the same time
		wait.Go(func() {
			signer, err := hostKey(path)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			found[string(signer.PublicKey().Marshal())] = true
		})
	}
	wait.Wait()
	if len(found) != 1 {
		t.Errorf("%d host keys", len(found))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte("BEGIN OPENSSH PRIVATE KEY")) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestHostKeyThatIsNotTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host_ed25519")
	if _, err := hostKey(path); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		_, err := hostKey(path)
		wantError(t, err, path, "others can reach", "chmod go-rwx")
	}
	write(t, path, "nonsense")
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := hostKey(path)
	wantError(t, err, path, "remove it")
	_, err = hostKey(filepath.Join(t.TempDir(), "nowhere", "host"))
	wantError(t, err, "making the host key")
}
