package config

import (
	"strings"
	"testing"

	"detnas/core/input/inputtest"
)

func TestTyped(t *testing.T) {
	for _, tt := range [][3]string{
		{"seed", " 7 ", "7"},
		{"seed", "7 # why", "7"},
		{"supernet-pretrain.lr", "4e-5", "4e-5"},
		{"supernet-pretrain.lr", "1", "1"},
		{"device", "cuda:1", `"cuda:1"`},
		{"device", `"cpu"`, `"cpu"`},
		{"name", "12", `"12"`},
		{"name", "", `""`},
		{"name", "a # b", `"a # b"`},
		{"data.apply_exif", "true", "true"},
		{"data.detection.short", "320, 480", "[320, 480]"},
		{"data.detection.short", "[320,480]", "[320,480]"},
		{"space.choices", "3x3, xception", `["3x3", "xception"]`},
		{"detector.roi.fc", "", "[]"},
	} {
		if got, err := Typed(tt[0], tt[1]); err != nil || got != tt[2] {
			t.Errorf("%s %q: %q, %v; want %q", tt[0], tt[1], got, err, tt[2])
		}
	}
	for _, tt := range [][3]string{
		{"seed", "x", "wants an integer"},
		{"seed", "", "wants an integer"},
		{"data.apply_exif", "yes", "wants true or false"},
		{"data.detection.short", "a", "wants a list"},
		{"space", "1", "unknown"},
		{"name", "\xff", "UTF-8"},
	} {
		if got, err := Typed(tt[0], tt[1]); err == nil || !strings.Contains(err.Error(), tt[2]) {
			t.Errorf("%s %q: %q, %v; want an error with %q", tt[0], tt[1], got, err, tt[2])
		}
	}
}

func TestBareIsTypedBack(t *testing.T) {
	for _, tt := range [][3]string{
		{"device", `"cuda:1"`, "cuda:1"},
		{"device", `'auto'`, "auto"},
		{"name", `"\"x\""`, `"\"x\""`},
		{"name", `" x"`, `" x"`},
		{"name", `""`, ""},
		{"seed", "7", "7"},
		{"data.detection.short", "[\n  320,\n  480 ]", "[ 320, 480 ]"},
	} {
		got := Bare(tt[0], tt[1])
		if got != tt[2] {
			t.Errorf("%s %s: %q, want %q", tt[0], tt[1], got, tt[2])
		}
		if _, err := Typed(tt[0], got); err != nil {
			t.Error(err)
		}
	}
}

// FuzzTyped wants what is typed to be refused or to be set.
func FuzzTyped(f *testing.F) {
	f.Add("name", "a")
	f.Add("seed", "5")
	f.Add("data.detection.short", "1, 2")
	f.Add("name", "\"\"\"a")
	f.Add("seed", "\x1b[2J")
	f.Add("detector.roi.fc", strings.Repeat("[", 40))
	f.Add("a\nb", "1")
	f.Add("seed", "\u061c")
	f.Add("search.constraint.max", strings.Repeat("9", 2000))
	text := presetText(f, "tiny")
	f.Fuzz(func(t *testing.T, key, typed string) {
		value, err := Typed(key, typed)
		if err != nil {
			inputtest.Clear(t, err)
			return
		}
		edited, err := SetInText(text, key, value)
		if err != nil {
			t.Fatalf("%s %q is %s, which is refused: %v", key, typed, value, err)
		}
		if now, ok := Values(edited)[key]; !ok || now != value {
			t.Fatalf("%s %q is %s and becomes %s", key, typed, value, now)
		}
		if again, err := Typed(key, Bare(key, value)); err != nil {
			t.Fatalf("%s %s is bare %q, which gives %q, %v", key, value, Bare(key, value), again, err)
		}
	})
}
