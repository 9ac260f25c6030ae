package serve

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	gossh "golang.org/x/crypto/ssh"
)

// Role is what a key may do.
type Role int

// The roles.
const (
	Watch Role = iota + 1
	Steer
)

// String is the role's name.
func (r Role) String() string {
	if r == Steer {
		return "steer"
	}
	return "watch"
}

// key is a public key that may log in.
type key struct {
	name        string // its comment, or the start of its fingerprint
	fingerprint string
	role        Role
}

// Bounds on a file of keys.
const (
	mostKeyFile = 1 << 20  // bytes
	mostKeyLine = 16 << 10 // bytes
	mostShown   = 64       // runes of a text from outside
	leastRSA    = 2048     // bits
)

// granted are the options of a line that hold here for everybody.
var granted = []string{"no-agent-forwarding", "no-port-forwarding", "no-user-rc", "no-x11-forwarding"}

// kinds are the keys that may log in; certificates are none of them.
var kinds = []string{
	gossh.KeyAlgoED25519, gossh.KeyAlgoSKED25519, gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521,
	gossh.KeyAlgoSKECDSA256, gossh.KeyAlgoRSA,
}

// keyring is the files of those who may steer, and of those who may watch.
type keyring struct{ steer, watch string }

// read reads both files: the keys by their form on the wire. A key that is in
// both may steer. A file that is not there has no keys; one with a line that
// cannot be honoured has none either, and is an error.
func (r keyring) read() (map[string]key, error) {
	out := map[string]key{}
	for _, f := range []struct {
		path string
		role Role
	}{{r.watch, Watch}, {r.steer, Steer}} {
		text, err := readTrusted(f.path, othersWrite, mostKeyFile)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = parseKeys(f.path, text, f.role, out)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the keys of those who may %s: %w", f.role, err)
		}
	}
	return out, nil
}

// count counts keys by role.
func count(keys map[string]key) (steer, watch int) {
	for _, k := range keys {
		if k.role == Steer {
			steer++
		} else {
			watch++
		}
	}
	return steer, watch
}

// parseKeys reads lines of OpenSSH's authorized_keys format. A line that it does
// not understand, or whose options would not hold here, is an error with its
// place.
func parseKeys(path string, text []byte, role Role, into map[string]key) error {
	number := 0
	for line := range bytes.SplitSeq(text, []byte("\n")) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		k, wire, err := parseKey(line)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", path, number, err)
		}
		k.role = role
		into[wire] = k
	}
	return nil
}

// parseKey reads a line.
func parseKey(line []byte) (k key, wire string, err error) {
	if len(line) > mostKeyLine {
		return k, "", fmt.Errorf("the line has %d bytes, and a key has %d at most", len(line), mostKeyLine)
	}
	if bytes.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		return k, "", errors.New("the line has control characters; write the key anew, as ssh-keygen prints it")
	}
	public, comment, options, _, err := gossh.ParseAuthorizedKey(line)
	if err != nil {
		return k, "", errors.New("the line is no public key; write one as it is in id_ed25519.pub, or # before a remark")
	}
	for _, o := range options {
		if !slices.Contains(granted, strings.ToLower(o)) {
			return k, "", fmt.Errorf("the option %s does not hold here, so that the line is refused; take the option out, or the line", shown(o))
		}
	}
	if !slices.Contains(kinds, public.Type()) {
		return k, "", fmt.Errorf("a key of the kind %s cannot log in here; use one that ssh-keygen -t ed25519 makes", shown(public.Type()))
	}
	if bits := rsaBits(public); bits > 0 && bits < leastRSA {
		return k, "", fmt.Errorf("an RSA key of %d bits is too weak; %d are wanted, or a key that ssh-keygen -t ed25519 makes", bits, leastRSA)
	}
	k.fingerprint = gossh.FingerprintSHA256(public)
	if k.name = shown(strings.TrimSpace(comment)); k.name == "" {
		k.name = k.fingerprint[:len("SHA256:")+8]
	}
	return k, string(public.Marshal()), nil
}

// rsaBits is the size of an RSA key; 0 of others.
func rsaBits(public gossh.PublicKey) int {
	if p, ok := public.(gossh.CryptoPublicKey); ok {
		if k, ok := p.CryptoPublicKey().(*rsa.PublicKey); ok {
			return k.N.BitLen()
		}
	}
	return 0
}

// shown is a text from outside that can stand in a line and on a screen: without
// signs that do not print, and short.
func shown(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "?") {
		if n++; n > mostShown {
			b.WriteString("...")
			break
		}
		if !unicode.IsPrint(r) {
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
