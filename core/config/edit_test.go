package config

import (
	"io/fs"
	"strings"
	"testing"

	"detnas/configs"
	"detnas/core/input/inputtest"
)

// presetText is the text of a preset.
func presetText(t testing.TB, name string) string {
	t.Helper()
	text, err := fs.ReadFile(configs.Files, name+".toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryKeyIsTold(t *testing.T) {
	for _, k := range Keys() {
		if k.Doc == "" || k.Wants == "" || k.Name == "" {
			t.Errorf("%+v is not told", k)
		}
	}
	if n := len(Keys()); n < 100 {
		t.Errorf("%d keys", n)
	}
}

// TestWordsAreThoseThatAreTaken wants each word of a key to be taken, and
// another one not.
func TestWordsAreThoseThatAreTaken(t *testing.T) {
	text := presetText(t, "tiny")
	problem := func(key, word string) bool {
		t.Helper()
		literal := quote(word)
		if word == "true" || word == "false" {
			literal = word
		}
		edited, err := SetInText(text, key, literal)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range Check("f", edited) {
			if p.Key == key && strings.Contains(p.What, "is not one of") || p.Key == key && strings.Contains(p.What, "wants") {
				return true
			}
		}
		return false
	}
	seen := 0
	for _, k := range Keys() {
		if strings.HasPrefix(k.Wants, "a list") {
			continue // of such words
		}
		for _, word := range k.Words {
			seen++
			if problem(k.Path, word) {
				t.Errorf("%s does not take %s", k.Path, word)
			}
		}
		if len(k.Words) > 0 && k.Path != "device" && !strings.HasPrefix(k.Path, "space.") && !problem(k.Path, "nonsense") {
			t.Errorf("%s takes nonsense", k.Path)
		}
	}
	if seen < 30 {
		t.Errorf("%d words", seen)
	}
}

func TestSetInTextKeepsEverythingElse(t *testing.T) {
	presets := Presets()
	if testing.Short() { // of each kind one
		presets = []string{"small", "detnas_retinanet_300m_voc"}
	}
	for _, preset := range presets {
		text := presetText(t, preset)
		values := Values(text)
		for _, k := range Keys() {
			was, there := values[k.Path]
			if !there {
				continue
			}
			edited, err := SetInText(text, k.Path, k.Default)
			if err != nil {
				t.Fatalf("%s, %s: %v", preset, k.Path, err)
			}
			if now := Values(edited)[k.Path]; now != k.Default {
				t.Errorf("%s, %s is %s, not %s", preset, k.Path, now, k.Default)
			}
			if back, err := SetInText(edited, k.Path, was); err != nil || back != text {
				t.Errorf("%s, %s: the text is another after going back, %v", preset, k.Path, err)
			}
		}
	}
}

func TestSetInTextRefuses(t *testing.T) {
	for _, tt := range [][3]string{
		{"seed = 1\n", "sead", "2"},
		{"seed = 1\n", "space", "2"},
		{"seed = 1\n", "seed", "two"},
		{"seed = 1\n", "seed", "2\nname = \"x\""},
		{"seed = \n", "seed", "2"},
	} {
		if text, err := SetInText(tt[0], tt[1], tt[2]); err == nil {
			t.Errorf("%v gives %q", tt, text)
		}
	}
}

func TestTokens(t *testing.T) {
	text := "# top\n[data.shapes] # of it\nclasses = 6\nname = 'a # b'\nlist = [ 1, true,\n  \"x\" ]\ninline = { count = \"conv\", max = 3 }\nhalf"
	names := map[TokenKind]string{
		TokenComment: "comment", TokenHeader: "header", TokenKey: "key", TokenString: "string", TokenNumber: "number", TokenBool: "bool", TokenPunct: "punct",
	}
	var got []string
	for _, tok := range Tokens(text) {
		if name := names[tok.Kind]; name != "" && name != "punct" {
			got = append(got, name+" "+text[tok.Start:tok.End])
		}
	}
	want := "comment # top; header [data.shapes]; comment # of it; key classes; number 6; key name; string 'a # b'; key list; " +
		"number 1; bool true; string \"x\"; key inline; key count; string \"conv\"; key max; number 3; key half"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("got\n%s\nwant\n%s", s, want)
	}
}

func TestTableAt(t *testing.T) {
	text := "seed = 1\n[data]\ncache_mb = 1\n\n[data.shapes]\nclasses = 2\n"
	for line, want := range map[int]string{1: "", 2: "data", 3: "data", 4: "data", 5: "data.shapes", 9: "data.shapes"} {
		if got := TableAt(text, line); got != want {
			t.Errorf("line %d: %q, want %q", line, got, want)
		}
	}
}

// FuzzTokens wants tokens to cover every text, and keys to be set in any TOML.
func FuzzTokens(f *testing.F) {
	f.Add("[a]\nb = \"c\" # d\n")
	f.Add("'''\n")
	f.Add("[[[\n\"\\")
	f.Add(presetText(f, "tiny"))
	f.Add("a = " + strings.Repeat("{a=", 40) + "1" + strings.Repeat("}", 40))
	f.Add("[\n[\n[\"a]\n[[b]]\n\x00\u009b = '''")
	f.Fuzz(func(t *testing.T, text string) {
		at := 0
		for _, tok := range Tokens(text) {
			if tok.Start != at || tok.End <= tok.Start {
				t.Fatalf("a token from %d to %d after byte %d", tok.Start, tok.End, at)
			}
			at = tok.End
		}
		if at != len(text) {
			t.Fatalf("tokens end at %d of %d", at, len(text))
		}
		if TableAt(text, 0) != "" {
			t.Fatalf("a table before the first line of %q", text)
		}
		TableAt(text, 3)
		edited, err := SetInText(text, "seed", "5")
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		if v, ok := Values(edited)["seed"]; !ok || v != "5" {
			t.Fatalf("%q becomes %q with seed %q", text, edited, v)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	text := presetText(b, "detnas_frcnn_300m_coco")
	for b.Loop() {
		Check("f", text)
	}
}

func BenchmarkTokens(b *testing.B) {
	text := presetText(b, "detnas_frcnn_300m_coco")
	for b.Loop() {
		Tokens(text)
	}
}
