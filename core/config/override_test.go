package config

import (
	"errors"
	"strings"
	"testing"

	"detnas/core/input/inputtest"
)

func TestOverrideText(t *testing.T) {
	tests := map[string]struct{ text, set, want string }{
		"in place":          {"seed = 1 # why\n", "seed=2", "seed = 2 # why\n"},
		"string bare":       {"device = 'cpu'\n", "device=cuda:0", "device = \"cuda:0\"\n"},
		"string quoted":     {"device = 'cpu'\n", `device="auto"`, "device = \"auto\"\n"},
		"number as string":  {"name = 'x'\n", "name=12", "name = \"12\"\n"},
		"int as float":      {"[search]\nmutate_prob = 0.5\n", "search.mutate_prob=1", "[search]\nmutate_prob = 1\n"},
		"multi-line list":   {"[space]\nwidths = [\n 1, # one\n 2]\nx = 1\n", "space.widths=[4,6]", "[space]\nwidths = [4, 6]\nx = 1\n"},
		"list bare":         {"", "space.choices=[3x3, xception]", "\n[space]\nchoices = [\"3x3\", \"xception\"]\n"},
		"list no brackets":  {"", "space.choices=3x3,5x5", "\n[space]\nchoices = [\"3x3\", \"5x5\"]\n"},
		"list of one":       {"", "data.detection.short=320", "\n[data.detection]\nshort = [320]\n"},
		"list empty":        {"", "detector.roi.fc=[]", "\n[detector.roi]\nfc = []\n"},
		"add at top":        {"# c\n[data]\ncache_mb = 1\n", "seed=3", "seed = 3\n# c\n[data]\ncache_mb = 1\n"},
		"add after last":    {"seed = 1\n\n[data]\ncache_mb = 1 # mib\n\n# next\n[search]\n", "data.on_bad=skip", "seed = 1\n\n[data]\ncache_mb = 1 # mib\non_bad = \"skip\"\n\n# next\n[search]\n"},
		"add no newline":    {"[data]\ncache_mb = 1", "data.on_bad=skip", "[data]\ncache_mb = 1\non_bad = \"skip\"\n"},
		"add to empty":      {"[data]\n", "data.on_bad=skip", "[data]\non_bad = \"skip\"\n"},
		"sub table":         {"[data.detection]\nmax = 3\n", "data.on_bad=skip", "[data.detection]\nmax = 3\n\n[data]\non_bad = \"skip\"\n"},
		"dotted":            {"data.cache_mb = 1\nseed = 1\n", "data.on_bad=skip", "data.cache_mb = 1\ndata.on_bad = \"skip\"\nseed = 1\n"},
		"dotted in section": {"[detector]\nrpn.samples = 1\n", "detector.rpn.channels=8", "[detector]\nrpn.samples = 1\nrpn.channels = 8\n"},
		"inline in place":   {"[search]\nconstraint = { max = 1, min = 0 } # c\n", "search.constraint.max=5", "[search]\nconstraint = { max = 5, min = 0 } # c\n"},
		"inline add":        {"[search]\nconstraint = { max = 1 } # c\n", "search.constraint.min=1", "[search]\nconstraint = { min = 1, max = 1 } # c\n"},
		"inline empty":      {"[search]\nconstraint = {}\n", "search.constraint.min=1", "[search]\nconstraint = { min = 1 }\n"},
		"key with dash":     {"[subnet-retrain]\nlr = 1.0\n", "subnet-retrain.lr=2e-3", "[subnet-retrain]\nlr = 0.002\n"},
		"quoted key":        {"['subnet-retrain']\n\"lr\" = 1.0\n", "subnet-retrain.lr=0.5", "['subnet-retrain']\n\"lr\" = 0.5\n"},
		"brackets in text":  {"name = \"[data]\" # [data]\n[data]\n", "data.cache_mb=4", "name = \"[data]\" # [data]\n[data]\ncache_mb = 4\n"},
		"multi-line string": {"name = \"\"\"\n[data]\nseed = 3\"\"\"\n[data]\n", "seed=4", "name = \"\"\"\n[data]\nseed = 3\"\"\"\nseed = 4\n[data]\n"},
		"no injection":      {"", "name=\"a\"\nseed = 5", "name = \"\\\"a\\\"\\nseed = 5\"\n"},
		"comment in value":  {"", "seed=5 # five", "seed = 5\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			src := newSource("f.toml", tc.text)
			if err := src.override(newSchema(), tc.set); err != nil {
				t.Fatal(err)
			}
			if src.text != tc.want {
				t.Errorf("got\n%s\nwant\n%s", src.text, tc.want)
			}
			if _, err := parseDocument("f.toml", src.text); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOverrideErrors(t *testing.T) {
	for set, want := range map[string]string{
		"seed":                   "--set seed: want key=value",
		"=1":                     "want key=value",
		"sed=1":                  "--set sed: unknown key; did you mean seed?",
		"seed=one":               `--set seed: wants an integer from 0 on, not the string "one"`,
		"seed=1.5":               "--set seed: wants an integer from 0 on, not 1.5",
		"data=1":                 "--set data: is a table; set its keys, such as data.apply_exif",
		"data.on_bad=skp":        `--set data.on_bad: "skp" is not one of refuse, skip; did you mean "skip"?`,
		"space.choices=[3x3,11]": `--set space.choices: "11" is not one of`,
		"search.parents=[1]":     "--set search.parents: wants an integer, not the list [1]",
		"name=\xff":              "not UTF-8",
		"seed=5\nname='x'":       "--set seed: wants an integer from 0 on, not the string",
		"\x1b[2J":                `--set \x1b[2J: want key=value`,
		"a\nb=1":                 `--set a\nb: unknown key`,
	} {
		_, err := Parse("f.toml", []byte(minimal), []string{set})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--set %s: %v; want %s", set, err, want)
		}
		inputtest.Clear(t, err)
	}
}

// TestLinesAreThoseOfTheFile wants problems to be found where they are, whatever
// lines overrides have added.
func TestLinesAreThoseOfTheFile(t *testing.T) {
	text := minimal + "[data]\non_bad = 'skp'\n"
	for _, sets := range [][]string{nil, {"seed=3"}, {"seed=3", "threads=2", "data.cache_mb=1"}} {
		_, err := Parse("f.toml", []byte(text), sets)
		inputtest.Clear(t, err, "f.toml:11: data.on_bad: ")
	}
	_, err := Parse("f.toml", []byte(text), []string{"data.on_bad=skp", "search.parents=0"})
	inputtest.Clear(t, err, "--set ")
}

// FuzzParse wants a config that its resolved text gives again, or an error whose
// every problem is clear.
func FuzzParse(f *testing.F) {
	f.Add(minimal, "seed=3")
	f.Add("data.cache_mb = 1\n"+minimal, "data.on_bad=skip")
	f.Add(minimal+"[search]\nconstraint = { max = 1, }\n", "search.constraint.min=1")
	f.Add("name = '''a''''\n"+minimal, "data.detection.short=[320, 480]")
	f.Add("[[[", "x")
	f.Add(minimal+"[space]\nchoices = [\n'3x3', # a\n]", "space.layout=official")
	f.Add(minimal+"[data.detection]\nformat = 'voc'\ntrain = 'a + b/c'\n", "data.detection.root=x")
	f.Add("\"a\\n\\u001b[2J\" = 1\n"+minimal, "a\n\x1b[2J=1")
	f.Add("seed = "+strings.Repeat("9", 2000), "name="+strings.Repeat("x", 2000))
	f.Add("a = "+strings.Repeat("{a=", 40)+"1"+strings.Repeat("}", 40), "data.detection.short="+strings.Repeat("[", 40))
	f.Add(strings.Repeat("a.", 40)+"a = 1", "name=\xff")
	f.Add(minimal+"[space]\npreset = 'custom'\nstem = 9999\nwidths = [3]\ndepths = [0]\n", "space.last=9999")
	f.Add(minimal+"name = 2020-01-01T00:00:00Z\n[[search]]\n", "seed=5\nname='x'")
	f.Fuzz(func(t *testing.T, text, set string) {
		cfg, err := Parse("f.toml", []byte(text), []string{set})
		if err != nil {
			inputtest.Clear(t, err)
			var all *Error
			if !errors.As(err, &all) {
				return
			}
			if len(all.Problems) == 0 {
				t.Fatal("an error without a problem")
			}
			for _, p := range all.Problems {
				inputtest.Clear(t, errors.New(p.String()))
				if p.Line > 1+strings.Count(text, "\n") && !p.Set {
					t.Errorf("%v: the text has fewer lines", p)
				}
			}
			return
		}
		again, err := Parse("f.toml", []byte(cfg.Resolved()), nil)
		if err != nil {
			t.Fatalf("resolved text is refused: %v\n%s", err, cfg.Resolved())
		}
		if d := diff(cfg, again); d != "" {
			t.Fatalf("resolved text gives another config:\n%s", d)
		}
		if again.Hash() != cfg.Hash() || again.Resolved() != cfg.Resolved() {
			t.Fatalf("resolved text gives another hash or text:\n%s\n%s", cfg.Resolved(), again.Resolved())
		}
	})
}
