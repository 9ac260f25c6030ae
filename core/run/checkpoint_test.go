package run

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"detnas/core/input/inputtest"
)

func sample() *Checkpoint {
	return &Checkpoint{
		Meta: map[string]string{"step": "2", "text": "<é>\n"},
		Tensors: []NamedArray{
			{Name: "a", DType: U8, Shape: []int64{3}, Data: []byte{1, 2, 3}},
			{Name: "b", DType: F32, Shape: []int64{1, 2}, Data: []byte{0, 0, 128, 63, 0, 0, 0, 64}},
			{Name: "count", DType: I64, Shape: []int64{}, Data: []byte{7, 0, 0, 0, 0, 0, 0, 0}},
			{Name: "empty", DType: F64, Shape: []int64{0, 5}, Data: []byte{}},
			{Name: "half", DType: BF16, Shape: []int64{1}, Data: []byte{128, 63}},
		},
	}
}

func bytesOf(t testing.TB, c *Checkpoint) []byte {
	t.Helper()
	var b bytes.Buffer
	l, err := c.lay()
	if err == nil {
		err = l.write(&b)
	}
	if err != nil || l.size() != int64(b.Len()) {
		t.Fatalf("%d bytes, of which %d were told of (%v)", b.Len(), l.size(), err)
	}
	return b.Bytes()
}

func TestCheckpointRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.safetensors")
	if err := sample().Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := ReadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, sample())
	if meta, err := ReadMeta(path); err != nil || meta["text"] != sample().Meta["text"] {
		t.Errorf("the metadata alone: %v (%v)", meta, err)
	}
	if b, ok := got.Tensor("b"); !ok || b.DType != F32 {
		t.Errorf("tensor b: %+v", b)
	}
	if _, ok := got.Tensor("z"); ok {
		t.Error("a tensor that is not there")
	}
}

func TestCheckpointIsDeterministicAndAligned(t *testing.T) {
	c := sample()
	want := bytesOf(t, c)
	slices.Reverse(c.Tensors)
	if !bytes.Equal(bytesOf(t, c), want) {
		t.Error("another order of tensors gives other bytes")
	}
	header := binary.LittleEndian.Uint64(want)
	if header%8 != 0 {
		t.Errorf("the data start at %d", 8+header)
	}
	_, infos, _, err := decodeHeader(bytes.NewReader(want), int64(len(want)))
	if err != nil {
		t.Fatal(err)
	}
	for name, info := range infos {
		if info.Offsets[0]%int64(info.DType.Size()) != 0 {
			t.Errorf("tensor %s at %d", name, info.Offsets[0])
		}
	}
}

// TestCheckpointRecognisesDamage flips every bit and cuts at every byte.
func TestCheckpointRecognisesDamage(t *testing.T) {
	good := bytesOf(t, sample())
	for i := range good {
		if _, err := decode(bytes.NewReader(good[:i]), int64(i)); err == nil {
			t.Errorf("cut at %d was read", i)
		}
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			got, err := decode(bytes.NewReader(bad), int64(len(bad)))
			// A letter of the header's own words may change its case unseen.
			if err == nil && !bytes.Equal(bytesOf(t, got), good) {
				t.Errorf("bit %d of byte %d was not missed", bit, i)
			}
		}
	}
}

func TestCheckpointErrors(t *testing.T) {
	file := func(header, data string) []byte {
		return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"foreign":       {file(`{"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, "ab"), ""},
		"huge header":   {binary.LittleEndian.AppendUint64(nil, 1<<60), "does not fit into the file"},
		"no json":       {file(`nope`, ""), "reading the header"},
		"null":          {file(`{"__metadata__":null}`, ""), "not strings"},
		"metadata":      {file(`{"__metadata__":{"a":1}}`, ""), "not strings"},
		"dtype":         {file(`{"t":{"dtype":"F8","shape":[2],"data_offsets":[0,2]}}`, "ab"), `tensor t: elements of type "F8"`},
		"size":          {file(`{"t":{"dtype":"U8","shape":[3],"data_offsets":[0,2]}}`, "ab"), "tensor t: its data are at [0 2]"},
		"torn":          {file(`{"t":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, "ab"), "tensor t: its data end at byte 3 of 2"},
		"gap":           {file(`{"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "ab"), "tensor t: "},
		"rest":          {file(`{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "ab"), "1 bytes after the last tensor"},
		"overlap":       {file(`{"s":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, "ab"), "tensor t: "},
		"overflow":      {file(`{"t":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,2]}}`, "ab"), "tensor t: no tensor has the shape"},
		"negative":      {file(`{"t":{"dtype":"U8","shape":[-1],"data_offsets":[0,2]}}`, "ab"), "tensor t: no tensor has the shape"},
		"twice":         {file(`{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, ""), "tensor t is there twice"},
		"no shape":      {file(`{"t":{"dtype":"U8","data_offsets":[0,1]}}`, "a"), "tensor t: it has no shape"},
		"no place":      {file(`{"t":{"dtype":"U8","shape":[1]}}`, "a"), "no two data_offsets"},
		"three offsets": {file(`{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, "a"), "no two data_offsets"},
		"rank":          {file(`{"t":{"dtype":"U8","shape":[`+strings.Repeat("1,", 64)+`1],"data_offsets":[0,1]}}`, "a"), "a shape of 65 dimensions"},
		"empty and far": {file(`{"t":{"dtype":"U8","shape":[0],"data_offsets":[9223372036854775807,9223372036854775807]}}`, ""), "tensor t: its data are at"},
		"two metadata":  {file(`{"__metadata__":{},"__metadata__":{}}`, ""), "metadata are there twice"},
		"more after it": {file(`{}{}`, ""), "there is more after its end"},
		"a list":        {file(`[]`, ""), "it is no object"},
		"no header":     {[]byte("\x00\x00\x00\x00\x00\x00\x00\x00"), "reading the header"},
		"odd name":      {file(`{"a\n\u001b[2J":{"dtype":"\u009b","shape":[],"data_offsets":[0,0]}}`, ""), `tensor a\n\x1b[2J: elements of type "\u009b"`},
		"a long type":   {file(`{"t":{"dtype":"`+strings.Repeat("x", 5000)+`","shape":[]}}`, ""), "tensor t: elements of type"},
		"lost checksum": {file(`{"__metadata__":{"detnas.x":"1"}}`, ""), "checksum"},
	} {
		_, err := decode(bytes.NewReader(tc.data), int64(len(tc.data)))
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v; want %q", name, err, tc.want)
		}
		if err != nil {
			inputtest.Clear(t, err)
		}
	}
}

func TestCheckpointRefusesToWrite(t *testing.T) {
	for want, c := range map[string]*Checkpoint{
		"tensor a: 3 bytes of data": {Tensors: []NamedArray{{Name: "a", DType: F32, Shape: []int64{1}, Data: make([]byte, 3)}}},
		"tensor a is there twice":   {Tensors: []NamedArray{{Name: "a", DType: U8, Shape: []int64{0}}, {Name: "a", DType: U8, Shape: []int64{0}}}},
		"elements of type":          {Tensors: []NamedArray{{Name: "a", DType: "I7", Shape: []int64{0}}}},
		"cannot be called":          {Tensors: []NamedArray{{Name: "__metadata__", DType: U8, Shape: []int64{0}}}},
		"is not UTF-8":              {Meta: map[string]string{"k": "\xff"}},
	} {
		path := filepath.Join(t.TempDir(), "c")
		err := c.Write(path)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%v; want %s", err, want)
		}
		if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
			t.Errorf("left over: %v, %v", left, err)
		}
	}
}

func TestNewestPassesOverDamage(t *testing.T) {
	f := create(t)
	if c, _, damaged, err := f.Newest(2); c != nil || damaged != nil || err != nil {
		t.Fatalf("an empty folder: %v %v %v", c, damaged, err)
	}
	for _, at := range []int{5, 10, 100} {
		if err := sample().Write(f.CheckpointPath(2, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := sample().Write(f.CheckpointPath(1, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(f.CheckpointPath(2, 100), 300); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.LastPath(2), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, at, damaged, err := f.Newest(2)
	if err != nil || c == nil || at.Iteration != 10 || at.Last || len(damaged) != 2 {
		t.Fatalf("%+v %v %v", at, damaged, err)
	}
	if !strings.Contains(damaged[1].Error(), "step-2-100.safetensors") {
		t.Errorf("the damaged file is not named: %v", damaged[1])
	}
	if err := sample().Write(f.LastPath(2)); err != nil {
		t.Fatal(err)
	}
	if _, at, _, err := f.Newest(2); err != nil || !at.Last {
		t.Errorf("%+v %v", at, err)
	}
}

// A step that goes back reads the newest checkpoint from before an iteration, and
// removes those from after one.
func TestGoingBack(t *testing.T) {
	f := create(t)
	paths := []string{f.LastPath(1), f.CheckpointPath(2, 30)}
	for _, at := range []int{0, 10, 20, 30} {
		paths = append(paths, f.CheckpointPath(1, at))
	}
	for _, path := range paths {
		if err := sample().Write(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(f.CheckpointPath(1, 20), 300); err != nil {
		t.Fatal(err)
	}
	for before, want := range map[int]int{31: 30, 30: 10, 10: 0} {
		if c, at, _, err := f.NewestBefore(1, before); c == nil || at.Iteration != want || at.Last || err != nil {
			t.Errorf("before %d: %+v, %v; want %d", before, at, err, want)
		}
	}
	if c, _, _, err := f.NewestBefore(1, 0); c != nil || err != nil {
		t.Errorf("before the first: %v, %v", c, err)
	}
	if err := f.Prune(1, 10, 5); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{f.LastPath(1), f.CheckpointPath(2, 30), f.CheckpointPath(1, 10), f.CheckpointPath(1, 0)} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if all, err := f.Saved(1); err != nil || len(all) != 3 {
		t.Errorf("%v, %v", all, err)
	}
}

func TestBestIsKeptAndNeverTakenForTheNewest(t *testing.T) {
	f := create(t)
	write := func(iteration int) {
		t.Helper()
		c := sample()
		c.Meta["iteration"] = strconv.Itoa(iteration)
		if err := c.Write(f.CheckpointPath(1, iteration)); err != nil {
			t.Fatal(err)
		}
	}
	is := func(iteration int) {
		t.Helper()
		if c, err := ReadCheckpoint(f.BestPath(1)); err != nil || c.Meta["iteration"] != strconv.Itoa(iteration) {
			t.Errorf("the best is %+v, %v; want that of iteration %d", c, err, iteration)
		}
	}
	write(5)
	if err := errors.Join(f.KeepBest(1, f.CheckpointPath(1, 5)), f.KeepBest(1, f.CheckpointPath(1, 5))); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(f.BestPath(1)); err != nil || info.Sys().(*syscall.Stat_t).Nlink != 2 {
		t.Errorf("the best is a copy: %v", err)
	}
	write(10)
	if err := f.Prune(1, 10, 1); err != nil {
		t.Fatal(err)
	}
	is(5)
	if err := os.Truncate(f.CheckpointPath(1, 10), 100); err != nil {
		t.Fatal(err)
	}
	if c, at, damaged, err := f.Newest(1); c != nil || len(damaged) != 1 || err != nil {
		t.Errorf("%+v is taken for the newest, %v", at, err)
	}
	write(20)
	if err := f.KeepBest(1, f.CheckpointPath(1, 20)); err != nil {
		t.Fatal(err)
	}
	is(20)
	if temps, err := filepath.Glob(filepath.Join(f.checkpoints(), ".*")); len(temps) > 0 || err != nil {
		t.Errorf("left over: %v, %v", temps, err)
	}
	if err := f.KeepBest(1, filepath.Join(f.Dir(), "none")); err == nil {
		t.Error("what is not there is kept")
	}
	if err := f.RemoveCheckpoints(1); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.BestPath(1)); err == nil {
		t.Error("the best is there still")
	}
}

func TestBestIsACopyWhereThereAreNoOtherNames(t *testing.T) {
	f := create(t)
	elsewhere := filepath.Join(small(t, 1<<20), "c") // a name does not reach from one file system to another
	if err := errors.Join(sample().Write(f.BestPath(1)), os.Truncate(f.BestPath(1), 9), sample().Write(elsewhere)); err != nil {
		t.Fatal(err)
	}
	if err := f.KeepBest(1, elsewhere); err != nil {
		t.Fatal(err)
	}
	if c, err := ReadCheckpoint(f.BestPath(1)); err != nil {
		t.Error(err)
	} else {
		equal(t, c, sample())
	}
}

func TestPruneKeepsTheNewest(t *testing.T) {
	f := create(t)
	for _, at := range []int{0, 1, 2, 10, 20, 30} {
		if err := sample().Write(f.CheckpointPath(1, at)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{f.LastPath(1), f.CheckpointPath(2, 1)} {
		if err := sample().Write(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(f.CheckpointPath(1, 30), 10); err != nil { // damaged, so that the run went on from 20
		t.Fatal(err)
	}
	if err := f.Prune(1, 20, 2); err != nil {
		t.Fatal(err)
	}
	var names []string
	saved, err := f.Saved(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range saved {
		names = append(names, filepath.Base(s.Path))
	}
	equal(t, names, []string{"step-1-last.safetensors", "step-1-20.safetensors", "step-1-10.safetensors", "step-1-0.safetensors"})
	if err := f.RemoveCheckpoints(1); err != nil {
		t.Fatal(err)
	}
	if saved, err = f.Saved(1); err != nil || len(saved) != 0 {
		t.Errorf("%v %v", saved, err)
	}
	if saved, err = f.Saved(2); err != nil || len(saved) != 1 {
		t.Errorf("%v %v", saved, err)
	}
}

// BenchmarkEncode is a checkpoint of 64 MiB.
func BenchmarkEncode(b *testing.B) {
	c := &Checkpoint{Tensors: []NamedArray{{Name: "t", DType: F32, Shape: []int64{16 << 20}, Data: make([]byte, 64<<20)}}}
	path := filepath.Join(b.TempDir(), "c")
	b.SetBytes(64 << 20)
	for b.Loop() {
		if err := c.Write(path); err != nil {
			b.Fatal(err)
		}
	}
}

// TestHeadersTakeBoundedMemory reads headers of much that makes no sense, or much
// of what does.
func TestHeadersTakeBoundedMemory(t *testing.T) {
	const most = 256 << 10 // of a header here
	list := func(head, entry, tail string) string {
		var b strings.Builder
		b.WriteString(head)
		for i := 0; b.Len() < most; i++ {
			b.WriteString(strings.ReplaceAll(entry, "#", strconv.Itoa(i)))
		}
		return strings.TrimSuffix(b.String(), ",") + tail
	}
	for name, header := range map[string]string{
		"tensors":         list("{", `"#":{"dtype":"U8","shape":[],"data_offsets":[#,0]},`, "}"),
		"empty tensors":   list("{", `"#":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, "}"),
		"no tensors":      list("{", `"#":{},`, "}"),
		"numbers":         list("{", `"#":0,`, "}"),
		"the same tensor": list("{", `"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, "}"),
		"a long shape":    list(`{"a":{"dtype":"U8","shape":[`, "0,", `],"data_offsets":[0,0]}}`),
		"long offsets":    list(`{"a":{"dtype":"U8","shape":[],"data_offsets":[`, "0,", `]}}`),
		"metadata":        list(`{"__metadata__":{`, `"#":"",`, `}}`),
		"a long name":     list(`{"`, "x", `":{}}`),
		"a long type":     list(`{"a":{"dtype":"`, "x", `"}}`),
		"deep":            list(`{"a":`, "[", ""),
		"no end":          list("{", `"#":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},`, ""),
	} {
		data := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
		var err error
		took := inputtest.Allocated(func() { _, err = decode(bytes.NewReader(data), int64(len(data))) })
		if name != "empty tensors" {
			inputtest.Clear(t, err)
		}
		if took > 32*int64(len(data)) {
			t.Errorf("%s: %d times the header's bytes are allocated", name, took/int64(len(data)))
		}
	}
}

// TestCheckpointLargerThanTheMachine is a file with holes of four terabytes, whose
// header says the same.
func TestCheckpointLargerThanTheMachine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c")
	const size = 1 << 42
	header := fmt.Sprintf(`{"t":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, size, size)
	put(t, path, string(binary.LittleEndian.AppendUint64(nil, uint64(len(header))))+header)
	if err := os.Truncate(path, int64(8+len(header)+size)); err != nil {
		t.Skip("no such files here:", err)
	}
	var err error
	took := inputtest.Allocated(func() { _, err = ReadCheckpoint(path) })
	inputtest.Clear(t, err, path, "too large: 4096.0 GiB", "of memory")
	if took > 1<<20 {
		t.Errorf("%d bytes are allocated", took)
	}
}

func TestCheckpointIsAFile(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, "/dev/zero"} {
		_, err := ReadCheckpoint(path)
		inputtest.Clear(t, err, path, "not a file")
	}
}

// FuzzDecode wants a checkpoint that writing gives again and whose tensors are all
// of the data, or one clear error.
func FuzzDecode(f *testing.F) {
	f.Add(bytesOf(f, sample()))
	f.Add(bytesOf(f, &Checkpoint{}))
	f.Add(append(binary.LittleEndian.AppendUint64(nil, 2), "{}"...))
	for _, header := range []string{
		`{"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`,
		`{"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"t":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`,
		`{"s":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"t":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`,
		`{"t":{"dtype":"F64","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}}`,
		`{"t":{"dtype":"F64","shape":[0,4611686018427387904,4],"data_offsets":[0,0]}}`,
		`{"t":{"dtype":"u8","shape":[-2,-1],"data_offsets":[0,2]}}`,
		`{"\u001b[2J\n":{"dtype":"\u009b","shape":[],"data_offsets":[0,2]}}`,
		`{"t":{"DType":"U8","Shape":[2],"data_offsets":[0,2,9]}}`,
		`{"__metadata__":{"a":"\u202e","detnas.format":"1"},"":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`,
		`{"__metadata__":null}  `,
	} {
		f.Add(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+"ab"...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := decode(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		held := 0
		for _, tensor := range c.Tensors {
			held += len(tensor.Data)
			if size, err := byteSize(tensor.DType, tensor.Shape); err != nil || size != int64(len(tensor.Data)) {
				t.Fatalf("%+v takes %d bytes, %v", tensor, size, err)
			}
		}
		if whole := len(data) - 8 - int(binary.LittleEndian.Uint64(data)); held != whole {
			t.Fatalf("%d bytes of tensors in %d of data", held, whole)
		}
		l, err := c.lay()
		if err != nil {
			inputtest.Clear(t, err)
			return // a foreign file may have names that detnas does not write
		}
		var b bytes.Buffer
		if err := l.write(&b); err != nil {
			t.Fatal(err)
		}
		again, err := decode(&b, int64(b.Len()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(bytesOf(t, again), bytesOf(t, c)) {
			t.Fatal("written anew it differs")
		}
	})
}
