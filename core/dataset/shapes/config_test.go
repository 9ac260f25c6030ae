package shapes

import (
	"math"
	"strings"
	"testing"
)

// small is a set that is drawn in well under a second.
func small() Config {
	cfg := Default()
	cfg.Train, cfg.Val, cfg.Test = 9, 3, 2
	cfg.PerClassTrain, cfg.PerClassVal = 3, 1
	cfg.Width, cfg.Height, cfg.ClassSize = 112, 96, 32
	cfg.MinSize = 8
	return cfg
}

func TestValidate(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string // "" is valid
	}{
		{"default", func(*Config) {}, ""},
		{"small", func(c *Config) { *c = small() }, ""},
		{"every class", func(c *Config) { c.Classes = len(classes) }, ""},
		{"no class", func(c *Config) { c.Classes = 0 }, "classes is 0"},
		{"too many classes", func(c *Config) { c.Classes = len(classes) + 1 }, "classes is 11, want 1 to 10"},
		{"negative count", func(c *Config) { c.Test = -1 }, "test is -1"},
		{"empty splits", func(c *Config) { c.Train, c.Val, c.Test = 0, 0, 0 }, ""},
		{"too small to hold the sizes", func(c *Config) { c.Width = 16 }, "width is 16"},
		{"objects the wrong way round", func(c *Config) { c.MinObjects, c.MaxObjects = 5, 2 }, "max_objects is 2, want 5"},
		{"sizes the wrong way round", func(c *Config) { c.MinSize, c.MaxSize = 50, 20 }, "min_size is 50, want 6 to 20"},
		{"larger than the image", func(c *Config) { c.MaxSize = 400 }, "max_size is 400"},
		{"not a number", func(c *Config) { c.MaxOverlap = math.NaN() }, "max_overlap is NaN"},
		{"two at once", func(c *Config) { c.Quality, c.ClassSize = 0, 4 }, "class_size is 4, want 16 to 1024; quality is 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Default()
			tt.change(&cfg)
			err := cfg.Validate()
			if tt.want == "" {
				if err != nil {
					t.Fatalf("Validate: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("Validate: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestHashFollowsTheConfig(t *testing.T) {
	a, b := Default(), Default()
	if a.Hash() != b.Hash() {
		t.Errorf("equal configs hash to %s and %s", a.Hash(), b.Hash())
	}
	b.MaxOverlap = 0.31
	if a.Hash() == b.Hash() {
		t.Errorf("configs that differ share the hash %s", a.Hash())
	}
	if len(a.Hash()) != 16 {
		t.Errorf("hash %q has %d digits, want 16", a.Hash(), len(a.Hash()))
	}
}
