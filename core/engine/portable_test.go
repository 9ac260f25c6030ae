package engine

import (
	"strings"
	"testing"

	"detnas/core/config"
	"detnas/core/input/inputtest"
	"detnas/core/run"
)

// FuzzDetectorOf wants of a checkpoint's metadata a detector that can be built, or
// one clear error.
func FuzzDetectorOf(f *testing.F) {
	cfg, err := config.Load("tiny", nil)
	if err != nil {
		f.Fatal(err)
	}
	text := cfg.Resolved()
	f.Add("5", text, `[{"id":1,"name":"disc"}]`, "0-0-00-0")
	f.Add("5", text, `[{"id":1,"name":"\u001b[2J"}]`, "0-1-23-4")
	f.Add("5", text, `[]`, "\x1b[2J")
	f.Add("5", "\u202e = [[", `{}`, "")
	f.Add("2\n", "", "", "")
	f.Fuzz(func(t *testing.T, step, config, classes, subnet string) {
		d, err := detectorOf(&run.Checkpoint{Meta: map[string]string{"step": step, run.MetaConfig: config, classesKey: classes, subnetKey: subnet}})
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		space, err := d.cfg.Space.NAS(1)
		if err != nil || len(d.subnet) != space.Len() || len(d.categories) == 0 {
			t.Errorf("%d choices, %d classes, %v", len(d.subnet), len(d.categories), err)
		}
	})
}

func TestDetectorOfRefusesWhatItCannotName(t *testing.T) {
	cfg, err := config.Load("tiny", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ classes, layout, want string }{
		{`[{"id":1,"name":"disc"}]`, "mmrazor", ""},
		{`[{"id":1,"name":"disc"}]`, "", ""},
		{`[null]`, "mmrazor", "class 1 of 1 has no name"},
		{`[{"id":1,"name":"disc"},{"id":2,"name":""}]`, "mmrazor", "class 2 of 2 has no name"},
		{`[{"id":4,"name":"disc"},{"id":4,"name":"bar"}]`, "mmrazor", "the id 4 twice"},
		{`[{"id":1,"name":"disc"}]`, "official", "the official layout, and its config the mmrazor one"},
	} {
		_, err := detectorOf(&run.Checkpoint{Meta: map[string]string{
			"step": "5", run.MetaConfig: cfg.Resolved(), classesKey: tt.classes, subnetKey: "0-0-00-0", "layout": tt.layout,
		}})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s, %q: error %v, want %q", tt.classes, tt.layout, err, tt.want)
		}
		if err != nil {
			inputtest.Clear(t, err)
		}
	}
}
