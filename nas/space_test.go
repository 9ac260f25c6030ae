package nas

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"detnas/core/input/inputtest"
)

func preset(t testing.TB, name string, layout Layout) Space {
	t.Helper()
	s, err := Preset(name)
	if err != nil {
		t.Fatal(err)
	}
	s.Layout = layout
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPresets(t *testing.T) {
	for name, blocks := range map[string]int{"300m": 20, "1.3g": 40, "3.8g": 40} {
		for _, layout := range []Layout{LayoutMMRazor, LayoutOfficial} {
			s := preset(t, name, layout)
			if s.Len() != blocks || len(s.Blocks()) != blocks {
				t.Errorf("%s: %d blocks, %d listed; want %d", name, s.Len(), len(s.Blocks()), blocks)
			}
			if diff := cmp.Diff([]int{4, 8, 16, 32}, s.StageStrides()); diff != "" {
				t.Errorf("%s: strides\n%s", name, diff)
			}
		}
	}
	if got := preset(t, "300m", LayoutMMRazor).Architectures(); got != 1_099_511_627_776 {
		t.Errorf("300m holds %v architectures", got)
	}
	if _, err := Preset("600m"); err == nil || !strings.Contains(err.Error(), "300m, 1.3g, 3.8g") {
		t.Errorf("unknown preset: %v", err)
	}
}

func TestPresetsShareNothing(t *testing.T) {
	a := preset(t, "300m", LayoutMMRazor)
	a.Widths[0], a.Choices[0] = 2, Xception
	if b := preset(t, "300m", LayoutMMRazor); b.Widths[0] != 64 || b.Choices[0] != Shuffle3x3 {
		t.Error("a change of one preset shows in the next")
	}
}

func TestBlocks(t *testing.T) {
	s := Space{Name: "demo", Stem: 8, Widths: []int{16, 24}, Depths: []int{1, 2}, Choices: AllChoices(), Last: 32, Classes: 3, Layout: LayoutOfficial}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	want := []BlockSpec{{0, 0, 8, 16, 2}, {1, 0, 16, 24, 2}, {1, 1, 24, 24, 1}}
	if diff := cmp.Diff(want, s.Blocks()); diff != "" {
		t.Error(diff)
	}
	for _, tc := range []struct {
		layout Layout
		block  int
		want   Branches
	}{
		{LayoutMMRazor, 1, Branches{In: 16, Mid: 12, Main: 12, Projection: 12}},
		{LayoutOfficial, 1, Branches{In: 16, Mid: 12, Main: 8, Projection: 16}},
		{LayoutMMRazor, 2, Branches{In: 12, Mid: 12, Main: 12, Projection: 12}},
		{LayoutOfficial, 2, Branches{In: 12, Mid: 12, Main: 12, Projection: 12}},
	} {
		s.Layout = tc.layout
		if got := s.Branches(want[tc.block]); got != tc.want {
			t.Errorf("%s block %d: %+v; want %+v", tc.layout, tc.block, got, tc.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Space)
		want   []string
	}{
		"as published":      {func(*Space) {}, nil},
		"one stage":         {func(s *Space) { s.Widths, s.Depths = []int{8}, []int{1} }, nil},
		"five stages":       {func(s *Space) { s.Widths, s.Depths = []int{4, 8, 12, 16, 20}, []int{1, 1, 1, 1, 1} }, nil},
		"odd stem":          {func(s *Space) { s.Stem = 15 }, nil},
		"some choices":      {func(s *Space) { s.Choices = []Choice{Shuffle5x5, Xception} }, nil},
		"no stage":          {func(s *Space) { s.Widths = nil }, []string{"widths is empty"}},
		"odd width":         {func(s *Space) { s.Widths[2] = 321 }, []string{"search space 300m", "stage 2 is 321", "even", "use 322"}},
		"lengths differ":    {func(s *Space) { s.Depths = s.Depths[:3] }, []string{"4 stages and depths 3"}},
		"empty stage":       {func(s *Space) { s.Depths[1] = 0 }, []string{"depths: stage 1 is 0"}},
		"no choice":         {func(s *Space) { s.Choices = nil }, []string{"choices is empty"}},
		"unknown choice":    {func(s *Space) { s.Choices = []Choice{4} }, []string{"4 is none"}},
		"choices unordered": {func(s *Space) { s.Choices = []Choice{Xception, Shuffle3x3} }, []string{"3x3 after xception"}},
		"choice twice":      {func(s *Space) { s.Choices = []Choice{Shuffle3x3, Shuffle3x3} }, []string{"3x3 after 3x3"}},
		"layout":            {func(s *Space) { s.Layout = "torch" }, []string{`"torch" is no layout`}},
		"narrowing, official": {func(s *Space) {
			s.Layout, s.Widths = LayoutOfficial, []int{64, 64, 320, 640}
		}, []string{"stage 1 is 64 and its input 64", "wider"}},
		"several at once": {func(s *Space) { s.Stem, s.Classes = 0, 0 }, []string{"stem is 0", "classes is 0"}},
		"huge":            {func(s *Space) { s.Widths[3] = 1 << 40 }, []string{"widths: stage 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := preset(t, "300m", LayoutMMRazor)
			tc.change(&s)
			err := s.Validate()
			if tc.want == nil && err != nil {
				t.Fatal(err)
			}
			if tc.want != nil {
				inputtest.Clear(t, err)
			}
			for _, w := range tc.want {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("error %v; want %q in it", err, w)
				}
			}
		})
	}
}

func TestParseChoice(t *testing.T) {
	for _, c := range AllChoices() {
		for _, name := range []string{c.String(), c.MMRazor(), c.Official()} {
			if got, err := ParseChoice(name); err != nil || got != c {
				t.Errorf("%s: %v, %v; want %v", name, got, err, c)
			}
		}
	}
	if _, err := ParseChoice("9x9"); err == nil {
		t.Error("9x9: no error")
	}
	for c, k := range map[Choice]int{Shuffle3x3: 3, Shuffle5x5: 5, Shuffle7x7: 7, Xception: 3} {
		if c.Kernel() != k {
			t.Errorf("%s: kernel %d", c, c.Kernel())
		}
	}
}
