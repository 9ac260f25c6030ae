package pth

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// zipOf is an archive with a pickle and storages.
func zipOf(t testing.TB, pickle string, storages map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name, text string) {
		f, err := w.CreateHeader(&zip.FileHeader{Name: "a/" + name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	add("data.pkl", pickle)
	for key, data := range storages {
		add("data/"+key, data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// u is a string in a pickle.
func u(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s //nolint:gosec // short
}

// pickleOf is a state_dict of one tensor w over a storage 0 of two floats; shape and
// strides are tuples in a pickle.
func pickleOf(count, offset, shape, strides string) string {
	return "\x80\x02}" + u("w") + "ctorch._utils\n_rebuild_tensor_v2\n((" + u("storage") + "ctorch\nFloatStorage\n" + u("0") + u("cpu") +
		count + "tQ" + offset + "(" + shape + "t(" + strides + "t\x89ccollections\nOrderedDict\n)RtRs."
}

// deflated is an archive whose pickle is compressed.
func deflated(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("a/data.pkl")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lying has the archive's directory say that its first entry has 2 GiB.
func lying(t testing.TB, archive []byte) []byte {
	t.Helper()
	at := bytes.Index(archive, []byte("PK\x01\x02"))
	if at < 0 {
		t.Fatal("no directory")
	}
	archive = bytes.Clone(archive)
	for _, size := range []int{20, 24} { // compressed and not
		binary.LittleEndian.PutUint32(archive[at+size:], 2<<30)
	}
	return archive
}

// turns has two storages of 1 MiB take turns in a thousand tensors.
func turns(t testing.TB) []byte {
	t.Helper()
	var pickle strings.Builder
	pickle.WriteString("\x80\x02}(")
	for i := range 1000 {
		of := string(rune('0' + i%2))
		pickle.WriteString(u(strings.Repeat("w", i+1)) + "ctorch._utils\n_rebuild_tensor_v2\n((" + u("storage") + "ctorch\nFloatStorage\n" + u(of) + u("cpu") +
			"J\x00\x00\x04\x00tQK\x00(K\x01t(K\x01t\x89ccollections\nOrderedDict\n)RtR")
	}
	storage := string(make([]byte, 1<<20))
	return zipOf(t, pickle.String()+"u.", map[string]string{"0": storage, "1": storage})
}

// grownVersion is a legacy file whose version is a tuple of two tuples of two, and so
// on, which is small as a pickle and endless as a text.
func grownVersion() []byte {
	pickle := "\x80\x02N\x85q\x00"
	for range 60 {
		pickle += "h\x00\x86q\x00"
	}
	return []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19." + pickle + ".")
}

// TestRefuses wants one clear error for each file that is not what it should be.
func TestRefuses(t *testing.T) {
	two := map[string]string{"0": "12345678"}
	good := zipOf(t, pickleOf("K\x02", "K\x00", "K\x02", "K\x01"), two)
	legacy, err := os.ReadFile("testdata/legacy.pth")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/script.pth")
	if err != nil {
		t.Fatal(err)
	}
	bomb := "\x80\x02}q\x00"
	for i := range 40 { // each holds the one before twice
		bomb += "}q\x01(" + u("a") + "h" + string(rune(i%2)) + u("b") + "h\x00u0h\x01q\x00"
	}
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"a system call":      {zipOf(t, "\x80\x02cposix\nsystem\n"+u("touch /tmp/x")+"\x85R.", nil), `"posix.system", which is neither`},
		"a call by stack":    {zipOf(t, "\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", nil), `"os.system"`},
		"an eval":            {zipOf(t, "\x80\x02cbuiltins\neval\n"+u("1")+"\x85R.", nil), `"builtins.eval"`},
		"a bare call":        {[]byte("\x80\x02cposix\nsystem\n" + u("true") + "\x85R."), "no checkpoint of PyTorch"},
		"an old instruction": {zipOf(t, "\x80\x02(S'x'\nios\nsystem\n.", nil), "none that PyTorch writes"},
		"a call of torch":    {zipOf(t, "\x80\x02ctorch.hub\nload\n)R.", nil), `"torch.hub.load"`},
		"nothing":            {nil, "too short"},
		"a picture":          {[]byte("\x89PNG\r\n\x1a\n"), "neither as a zip file"},
		"a cut zip":          {good[:len(good)/2], "damaged or cut off"},
		"a cut pickle":       {zipOf(t, pickleOf("K\x02", "K\x00", "K\x02", "K\x01")[:60], two), "unexpected EOF"},
		"a cut legacy":       {legacy[:len(legacy)-5], "cut off in its storage"},
		"a script":           {script, "TorchScript"},
		"a lying storage":    {zipOf(t, pickleOf("J\xff\xff\xff\x7f", "K\x00", "K\x02", "K\x01"), two), "has 8 bytes, and its 2147483647 elements"},
		"a lying shape":      {zipOf(t, pickleOf("K\x02", "K\x00", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f", "K\x01K\x01K\x01"), two), "shape"},
		"a negative shape":   {zipOf(t, pickleOf("K\x02", "K\x00", "J\xff\xff\xff\xff", "K\x01"), two), "shape [-1]"},
		"outside":            {zipOf(t, pickleOf("K\x02", "K\x01", "K\x02", "K\x01"), two), "reaches out of its storage"},
		"expanded":           {zipOf(t, pickleOf("K\x02", "K\x00", "J\x00\x00\x00\x10", "K\x00"), two), "elements, and its storage 2"},
		"no storage":         {zipOf(t, pickleOf("K\x02", "K\x00", "K\x02", "K\x01"), nil), "storage 0 is not in the archive"},
		"a list":             {zipOf(t, "\x80\x02].", nil), "holds a list"},
		"a text":             {zipOf(t, "\x80\x02}"+u("w")+u("x")+"s.", nil), "w is a string"},
		"a log in weights":   {zipOf(t, "\x80\x02}"+u("state_dict")+"}"+u("w")+"cargparse\nNamespace\n)Rss.", nil), "argparse.Namespace"},
		"twice":              {zipOf(t, "\x80\x02}("+u("a")+"}"+u("b")+strings.TrimSuffix(pickleOf("K\x02", "K\x00", "K\x02", "K\x01")[9:], "s.")+"s"+u("a.b")+"h\x00u.", two), "number 0"},
		"a bomb":             {zipOf(t, bomb+".", nil), "too large"},
		"a long string":      {zipOf(t, "\x80\x02\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.", nil), "too large"},
		"an empty stack":     {zipOf(t, "\x80\x020.", nil), "more than there is"},
		"no mark":            {zipOf(t, "\x80\x02t.", nil), "a mark that is not there"},
		"a part of os":       {zipOf(t, "\x80\x02cbuiltins\ngetattr\n("+u("os")+u("system")+"tR.", nil), "asked for a part of a string"},
		"a compressed entry": {deflated(t), "compressed"},
		"a lying entry":      {lying(t, good), "is damaged"},
		"taking turns":       {turns(t), "take turns"},
		"many values":        {zipOf(t, "\x80\x02"+strings.Repeat("N0", maxValues+2)+".", nil), "values"},
		"a list many times":  {zipOf(t, "\x80\x02]q\x00("+strings.Repeat("NN\x86", 1000)+"e0"+strings.Repeat("ccollections\nOrderedDict\nh\x00\x85R0", 9000)+".", nil), "values"},
		"a long shape":       {zipOf(t, pickleOf("K\x02", "K\x00", strings.Repeat("K\x01", 65), strings.Repeat("K\x01", 65)), two), "a tuple"},
		"a grown version":    {grownVersion(), "version a tuple"},
		"an odd dictionary":  {zipOf(t, "\x80\x02}(K\x01u.", nil), "1 keys and values"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.pth")
			if err := os.WriteFile(path, tt.file, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestASystemCallIsNotMade runs nothing: the file that the pickle would make is not
// there afterwards.
func TestASystemCallIsNotMade(t *testing.T) {
	made := filepath.Join(t.TempDir(), "made")
	path := filepath.Join(t.TempDir(), "x.pth")
	if err := os.WriteFile(path, zipOf(t, "\x80\x02cposix\nsystem\n"+u("touch "+made)+"\x85R.", nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil {
		t.Error("it was read")
	}
	if _, err := os.Stat(made); err == nil {
		t.Error("the call was made")
	}
}

// FuzzRead reads what it is given without an end of the process; what is read has
// tensors of their sizes.
func FuzzRead(f *testing.F) {
	for _, name := range []string{"zip.pth", "legacy.pth", "plain.pth", "script.pth"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(zipOf(f, pickleOf("K\x02", "K\x00", "K\x02", "K\x01"), map[string]string{"0": "12345678"}))
	path := filepath.Join(f.TempDir(), "x.pth")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Read(path)
		if err != nil {
			return
		}
		for _, a := range got.Weights {
			n := int64(a.DType.Size())
			for _, d := range a.Shape {
				n *= d
			}
			if n != int64(len(a.Data)) {
				t.Errorf("%s of %v has %d bytes", a.Name, a.Shape, len(a.Data))
			}
		}
	})
}
