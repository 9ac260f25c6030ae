package nas

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"detnas/core/input/inputtest"
)

var formats = []Format{FormatShort, FormatMMRazor01, FormatMMRazor10, FormatModules}

func TestFormatsRoundTrip(t *testing.T) {
	for _, space := range []Space{
		preset(t, "300m", LayoutMMRazor),
		{Name: "demo", Stem: 8, Widths: []int{16}, Depths: []int{12}, Choices: AllChoices(), Last: 8, Classes: 2, Layout: LayoutMMRazor},
	} {
		want := make(Subnet, space.Len())
		for i := range want {
			want[i] = Choice((i * 7) % 4)
		}
		for _, format := range formats {
			data, err := Encode(want, space, format)
			if err != nil {
				t.Fatal(err)
			}
			got, found, err := Decode(data, space)
			if err != nil {
				t.Fatalf("%s: %v\n%s", format, err, data)
			}
			if found != format || got.Key() != want.Key() {
				t.Errorf("%s: read as %s, %s; want %s", format, found, got.Key(), want.Key())
			}
		}
	}
}

func TestEncodeShapes(t *testing.T) {
	space := Space{Name: "two", Stem: 8, Widths: []int{16, 32}, Depths: []int{1, 1}, Choices: AllChoices(), Last: 8, Classes: 2, Layout: LayoutMMRazor}
	for format, want := range map[Format]string{
		FormatShort:     "1-3\n",
		FormatMMRazor01: "stage_0_block_0:\n  chosen:\n  - shuffle_5x5\nstage_1_block_0:\n  chosen:\n  - shuffle_xception\n",
		FormatMMRazor10: "backbone.layers.0.0:\n  chosen: shuffle_5x5\nbackbone.layers.1.0:\n  chosen: shuffle_xception\n",
		FormatModules:   "modules:\n  backbone.layers.0.0: shuffle_5x5\n  backbone.layers.1.0: shuffle_xception\nchannels:\n",
	} {
		got, err := Encode(Subnet{Shuffle5x5, Xception}, space, format)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", format, got, err, want)
		}
	}
	for _, format := range formats {
		if got, err := ParseFormat(string(format)); err != nil || got != format {
			t.Errorf("%s: %v, %v", format, got, err)
		}
	}
	if _, err := Encode(Subnet{0, 0}, space, "json"); err == nil {
		t.Error("unknown format: no error")
	}
	if _, err := Encode(Subnet{0}, space, FormatShort); err == nil {
		t.Error("a subnet that does not fit: no error")
	}
}

// yamlOf writes a subnet of the 300m space with one line a block, by the given
// function from a block's place and choice to the line.
func yamlOf(sub Subnet, space Space, line func(b BlockSpec, c Choice) string) string {
	var b strings.Builder
	for i, p := range space.Blocks() {
		b.WriteString(line(p, sub[i]) + "\n")
	}
	return b.String()
}

func TestDecodeVariants(t *testing.T) {
	space := preset(t, "300m", LayoutMMRazor)
	sub := parse(t, subnetB, space)
	old := func(b BlockSpec, c Choice) string {
		return fmt.Sprintf("stage_%d_block_%d: {chosen: [%s]}", b.Stage, b.Index, c.MMRazor())
	}
	for name, tc := range map[string]struct {
		text string
		want Format
	}{
		"flow style":         {yamlOf(sub, space, old), FormatMMRazor01},
		"comments and rules": {"# searched\n---\n" + yamlOf(sub, space, old), FormatMMRazor01},
		"scalar in old names": {yamlOf(sub, space, func(b BlockSpec, c Choice) string {
			return fmt.Sprintf("stage_%d_block_%d:\n    chosen:  %s", b.Stage, b.Index, c.MMRazor())
		}), FormatMMRazor01},
		"list in new names": {yamlOf(sub, space, func(b BlockSpec, c Choice) string {
			return fmt.Sprintf("backbone.layers.%d.%d:\n  chosen: [%s]", b.Stage, b.Index, c.MMRazor())
		}), FormatMMRazor10},
		"with a prefix and meta": {yamlOf(sub, space, func(b BlockSpec, c Choice) string {
			return fmt.Sprintf("architecture.backbone.layers.%d.%d:\n  meta: {all_choices: [shuffle_3x3]}\n  chosen: %s", b.Stage, b.Index, c.MMRazor())
		}), FormatMMRazor10},
		"modules, old names, no channels": {"modules:\n" + yamlOf(sub, space, func(b BlockSpec, c Choice) string {
			return fmt.Sprintf("  stage_%d_block_%d: %s", b.Stage, b.Index, c.MMRazor())
		}), FormatModules},
		"modules after channels": {"channels: {}\nmodules:\n" + yamlOf(sub, space, func(b BlockSpec, c Choice) string {
			return fmt.Sprintf("  backbone.layers.%d.%d: '%s'", b.Stage, b.Index, c.Official())
		}), FormatModules},
		"carriage returns": {strings.ReplaceAll(yamlOf(sub, space, old), "\n", "\r\n"), FormatMMRazor01},
		"short":            {subnetB, FormatShort},
	} {
		got, format, err := Decode([]byte(tc.text), space)
		if err != nil || format != tc.want || got.Key() != sub.Key() {
			t.Errorf("%s: %s as %s, %v; want %s as %s", name, got.Key(), format, err, sub.Key(), tc.want)
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	space := preset(t, "300m", LayoutMMRazor)
	whole, err := Encode(parse(t, subnetB, space), space, FormatMMRazor10)
	if err != nil {
		t.Fatal(err)
	}
	full := string(whole)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"empty":            {"", []string{"holds no subnet", "0000-0000-00000000-0000"}},
		"a list":           {"[1, 2]", []string{"holds no subnet"}},
		"no YAML":          {"a: [", []string{"as YAML", "line 1"}},
		"unknown key":      {full + "neck: 3\n", []string{"line 41", `"neck" names no block`}},
		"unknown choice":   {strings.Replace(full, "shuffle_5x5", "shuffle_9x9", 1), []string{"line 1", "stage 0 block 0", "shuffle_9x9"}},
		"given twice":      {full + "stage_0_block_1: {chosen: [shuffle_3x3]}\n", []string{"line 41", "stage 0 block 1", "line 3"}},
		"outside":          {full + "backbone.layers.2.8: {chosen: shuffle_3x3}\n", []string{"stage 2 block 8 lies outside"}},
		"missing":          {strings.Replace(full, "backbone.layers.2.5:\n  chosen: shuffle_7x7\n", "", 1), []string{"stage 2 block 5", "1 of the 20"}},
		"nothing chosen":   {"stage_0_block_0: {chosen: []}", []string{"line 1", "lists 0"}},
		"two chosen":       {"stage_0_block_0: {chosen: [shuffle_3x3, shuffle_5x5]}", []string{"lists 2"}},
		"no key chosen":    {"stage_0_block_0: {choice: shuffle_3x3}", []string{"no key chosen"}},
		"a nested choice":  {"stage_0_block_0: {chosen: [[shuffle_3x3]]}", []string{"no plain name"}},
		"modules a list":   {"modules: [a]", []string{"modules must map"}},
		"pruned channels":  {"modules: {}\nchannels: {a: 1}", []string{"line 2", "pruned"}},
		"beside modules":   {"modules: {}\nfoo: 1", []string{"line 2", `"foo" beside modules`}},
		"an alias":         {"stage_0_block_0: &a {chosen: shuffle_3x3}\nstage_0_block_1: *a", []string{"line 2", "no plain name"}},
		"huge":             {strings.Repeat("#\n", maxSubnetBytes), []string{"larger than 256 KiB"}},
		"the short form":   {"1000-3032", []string{"2 stages"}},
		"two documents":    {full + "---\na: b\n", []string{"goes on after the subnet"}},
		"broken after it":  {full + "...\n[", []string{"goes on after the subnet"}},
		"odd words":        {"\"a\\e[2J\": b", []string{`"a\x1b[2J" names no block`}},
		"a long choice":    {"stage_0_block_0: " + strings.Repeat("x", 9000), []string{"xxx\"... is no choice"}},
		"far out of range": {"stage_99999_block_0: {chosen: shuffle_3x3}", []string{"names no block"}},
	} {
		_, _, err := Decode([]byte(tc.text), space)
		for _, w := range tc.want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: error %v; want %q in it", name, err, w)
			}
		}
		inputtest.Clear(t, err)
	}
}

func TestLoadSubnet(t *testing.T) {
	space := preset(t, "300m", LayoutMMRazor)
	want := parse(t, subnetA, space)
	path := filepath.Join(t.TempDir(), "subnet.yaml")
	data, err := Encode(want, space, FormatMMRazor01)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{subnetA, path} {
		if got, err := LoadSubnet(arg, space); err != nil || got.Key() != want.Key() {
			t.Errorf("%s: %v, %v", arg, got, err)
		}
	}
	if _, err := LoadSubnet("nowhere.yaml", space); err == nil || !strings.Contains(err.Error(), "neither a file nor a short form") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := LoadSubnet(filepath.Dir(path), space); err == nil {
		t.Error("a folder: no error")
	}
	if err := os.WriteFile(path, []byte("stage_0_block_0: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSubnet(path, space); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a broken file: %v; want its path and the line", err)
	}
}

// TestSubnetsTakeBoundedMemory reads the largest files of what costs YAML most.
func TestSubnetsTakeBoundedMemory(t *testing.T) {
	space := preset(t, "300m", LayoutMMRazor)
	for _, part := range []string{"a:\n#c\n", "- # c\n", "a: b # c\n", "[", "{a: ", "- - -\n", "? a\n", "&a [*a, ", "0-"} {
		data := []byte(strings.Repeat(part, maxSubnetBytes/len(part)))
		var err error
		took := inputtest.Allocated(func() { _, _, err = Decode(data, space) })
		inputtest.Clear(t, err)
		if took > 64<<20 {
			t.Errorf("%d bytes are allocated for %q", took, part)
		}
	}
}

// FuzzDecode wants a subnet that comes back from every format, or one clear error.
func FuzzDecode(f *testing.F) {
	space := Space{Name: "two", Stem: 8, Widths: []int{16, 32}, Depths: []int{1, 2}, Choices: AllChoices(), Last: 8, Classes: 2, Layout: LayoutMMRazor}
	for _, format := range formats {
		data, err := Encode(Subnet{1, 3, 0}, space, format)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"", "modules: {a: &b [*b]}", "stage_0_block_0: {chosen: [[]]}", "? {a: b}\n: c\n", "<<: *x", "channels:\nmodules:",
		"modules: {stage_0_block_0: 3x3, stage_1_block_0: 3x3, stage_1_block_1: 3x3}\nchannels: {}\n---\n", "1-3\x00", "\xff\xfe1\x00", "\"\\e\\L\": b",
		"a: &a [&b [*a, *b], *b]\nb: *a\n", "!!binary stage_0_block_0: !!int 3x3", "%YAML 1.2\n%TAG ! x\n--- &x\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		sub, found, err := Decode(data, space)
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		if err := sub.Check(space); err != nil || !slices.Contains(formats, found) {
			t.Fatalf("%q was read as %v in the format %q, %v", data, sub, found, err)
		}
		for _, format := range formats {
			again, err := Encode(sub, space, format)
			if err != nil {
				t.Fatalf("%q was read but cannot be written: %v", data, err)
			}
			if got, as, err := Decode(again, space); err != nil || got.Key() != sub.Key() || as != format {
				t.Fatalf("%q comes back as %v in the format %s, %v; want %v in %s", data, got, as, err, sub, format)
			}
		}
	})
}
