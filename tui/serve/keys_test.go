package serve

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// pair makes a key that can log in, and its line for a file of keys.
func pair(t testing.TB, comment string) (signer gossh.Signer, line string) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signer, err = gossh.NewSignerFromKey(private); err != nil {
		t.Fatal(err)
	}
	return signer, lineOf(signer.PublicKey(), comment)
}

func lineOf(public gossh.PublicKey, comment string) string {
	return strings.TrimSpace(string(gossh.MarshalAuthorizedKey(public))) + " " + comment
}

// publicOf is the public key of one that was made.
func publicOf(t *testing.T, public any, err error) gossh.PublicKey {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	out, err := gossh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error; want %q", words)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("the error %q lacks %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %q", err)
	}
}

func TestKeysThatMayLogIn(t *testing.T) {
	_, plain := pair(t, "ann@laptop")
	_, nameless := pair(t, "")
	_, strange := pair(t, "bad\u202ename\u00a0 of \U0001f511 "+strings.Repeat("x", 100))
	strong, err := rsa.GenerateKey(rand.Reader, leastRSA)
	big := publicOf(t, strong.Public(), err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	elliptical := publicOf(t, curve.Public(), err)
	text := strings.Join([]string{
		"# those who may", "", "  " + plain + " \r", "\t" + nameless, strange,
		"no-port-forwarding,No-X11-Forwarding " + lineOf(big, "rsa"), lineOf(elliptical, "a name of words"),
	}, "\n") + "\n"
	got := map[string]key{}
	if err := parseKeys("f", []byte(text), Watch, got); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, k := range got {
		names[k.name] = true
		if k.role != Watch || !strings.HasPrefix(k.fingerprint, "SHA256:") {
			t.Errorf("%+v", k)
		}
		if len([]rune(k.name)) > mostShown+3 {
			t.Errorf("the name %q is long", k.name)
		}
		if strings.HasPrefix(k.name, "SHA256:") && !strings.HasPrefix(k.fingerprint, k.name) {
			t.Errorf("%q is called %q", k.fingerprint, k.name)
		}
	}
	for _, want := range []string{"ann@laptop", "rsa", "a name of words"} {
		if !names[want] {
			t.Errorf("no %q in %v", want, names)
		}
	}
	if len(got) != 5 {
		t.Errorf("%d keys of 5: %v", len(got), names)
	}
	for n := range names {
		if strings.ContainsRune(n, '\u202e') {
			t.Errorf("%q turns what follows around", n)
		}
	}
}

func TestLinesThatAreRefused(t *testing.T) {
	_, good := pair(t, "ann")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	small := publicOf(t, weak.Public(), err)
	signer, _ := pair(t, "")
	cert := &gossh.Certificate{Key: signer.PublicKey(), CertType: gossh.UserCert, ValidBefore: gossh.CertTimeInfinity}
	if err := cert.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		line  string
		words []string
	}{
		"from":        {`from="10.0.0.*" ` + good, []string{"f:3: ", `from="10.0.0.*"`}},
		"command":     {`command="uptime",no-port-forwarding ` + good, []string{"f:3: ", `command="uptime"`}},
		"restrict":    {"restrict " + good, []string{"f:3: ", "restrict"}},
		"environment": {`environment="A=B" ` + good, []string{"environment"}},
		"authority":   {"cert-authority " + good, []string{"cert-authority"}},
		"expiry":      {`expiry-time="20300101" ` + good, []string{"expiry-time"}},
		"cut":         {good[:40], []string{"f:3: ", "no public key"}},
		"words":       {"the keys of ann", []string{"f:3: ", "no public key"}},
		"private":     {"-----BEGIN OPENSSH PRIVATE KEY-----", []string{"f:3: ", "no public key"}},
		"lying":       {"ssh-rsa " + strings.Fields(good)[1], []string{"f:3: "}},
		"control":     {good + "\x1b[2J", []string{"f:3: ", "control"}},
		"half a line": {good + "\rmore", []string{"f:3: ", "control"}},
		"weak":        {lineOf(small, "old"), []string{"f:3: ", "1024 bits"}},
		"certificate": {lineOf(cert, "c"), []string{"f:3: ", "cert-v01"}},
		"long":        {good + strings.Repeat("x", mostKeyLine), []string{"f:3: ", "bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := parseKeys("f", []byte(good+"\n# a remark\n"+tt.line+"\n"+good), Steer, map[string]key{})
			wantError(t, err, tt.words...)
		})
	}
}

func TestKeyringReadsBothFiles(t *testing.T) {
	dir := t.TempDir()
	r := keyring{steer: filepath.Join(dir, "steer_keys"), watch: filepath.Join(dir, "watch_keys")}
	if keys, err := r.read(); err != nil || len(keys) != 0 {
		t.Errorf("without files: %v, %v", keys, err)
	}
	ann, annLine := pair(t, "ann")
	bob, bobLine := pair(t, "bob")
	write(t, r.steer, annLine)
	write(t, r.watch, bobLine+"\n"+annLine)
	keys, err := r.read()
	if err != nil {
		t.Fatal(err)
	}
	if a, b := keys[string(ann.PublicKey().Marshal())], keys[string(bob.PublicKey().Marshal())]; a.role != Steer || b.role != Watch || len(keys) != 2 {
		t.Errorf("ann may %s, bob may %s", a.role, b.role)
	}
	if steer, watch := count(keys); steer != 1 || watch != 1 {
		t.Errorf("%d steer, %d watch", steer, watch)
	}
	write(t, r.watch, "nonsense")
	if keys, err := r.read(); err == nil || len(keys) > 0 {
		t.Errorf("one bad file leaves %v", keys)
	}
}

func TestFilesThatOthersReach(t *testing.T) {
	_, line := pair(t, "ann")
	file := func(t *testing.T) string {
		path := filepath.Join(t.TempDir(), "keys")
		write(t, path, line)
		return path
	}
	read := func(path string) error {
		_, err := keyring{steer: path, watch: path + ".none"}.read()
		return err
	}
	chmod := func(t *testing.T, path string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("modes", func(t *testing.T) {
		path := file(t)
		for mode, bad := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o400: false, 0o620: true, 0o602: true, 0o666: true} {
			chmod(t, path, mode)
			switch err := read(path); {
			case bad:
				wantError(t, err, path, "others can write", "chmod go-w")
			case err != nil:
				t.Errorf("mode %o: %v", mode, err)
			}
		}
	})
	t.Run("folder", func(t *testing.T) {
		path := file(t)
		chmod(t, filepath.Dir(path), 0o777)
		wantError(t, read(path), filepath.Dir(path), "others can write")
		wantError(t, MakeFolder(filepath.Dir(path)), filepath.Dir(path), "others can write")
		chmod(t, filepath.Dir(path), 0o777|os.ModeSticky)
		if err := read(path); err != nil {
			t.Errorf("in a folder as /tmp is: %v", err)
		}
	})
	t.Run("behind a link", func(t *testing.T) {
		path, link := file(t), filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		if err := read(link); err != nil {
			t.Error(err)
		}
		chmod(t, filepath.Dir(path), 0o777)
		wantError(t, read(link), filepath.Dir(path))
	})
	t.Run("another owner", func(t *testing.T) {
		path := file(t)
		if err := os.Chown(path, 65534, 65534); err != nil {
			t.Skip("only root gives files away")
		}
		wantError(t, read(path), "belongs to another user")
	})
	t.Run("no file", func(t *testing.T) { wantError(t, read(t.TempDir()), "is no file") })
	t.Run("too large", func(t *testing.T) {
		path := file(t)
		write(t, path, strings.Repeat("#", mostKeyFile+1))
		wantError(t, read(path), "bytes")
	})
}

func TestMakeFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "serve")
	for range 2 {
		if err := MakeFolder(dir); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// FuzzParseKeys wants every file of keys to be read, or to be refused with a line's
// number; what is read has to be what the line says.
func FuzzParseKeys(f *testing.F) {
	_, line := pair(f, "ann@laptop")
	for _, seed := range []string{
		line, "# remark\n\n" + line + "\n", "restrict " + line, `from="*",command="a \" b" ` + line, "\x00\xff\n" + line, line + "\r\n" + line,
		"ssh-ed25519 AAAA", strings.Repeat(",", 100) + " " + line, "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQ== x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys := map[string]key{}
		if err := parseKeys("f", text, Watch, keys); err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		for wire, k := range keys {
			public, err := gossh.ParsePublicKey([]byte(wire))
			if err != nil || gossh.FingerprintSHA256(public) != k.fingerprint || k.name == "" || k.role != Watch {
				t.Errorf("%+v: %v", k, err)
			}
			again := map[string]key{}
			if err := parseKeys("f", []byte(lineOf(public, k.name)), Watch, again); err != nil || len(again) != 1 {
				t.Errorf("what was read is not read again: %v", err)
			}
		}
	})
}
