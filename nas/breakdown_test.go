package nas

import (
	"math/rand/v2"
	"testing"
)

// The parts add up to what is counted as a whole, in every space and layout, at
// sizes that do not halve evenly too.
func TestBreakdownAddsUp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, name := range PresetNames() {
		for _, layout := range []Layout{LayoutMMRazor, LayoutOfficial} {
			for _, in := range []Size{Square(224), {H: 800, W: 1333}, Square(33)} {
				space, err := Preset(name)
				if err != nil {
					t.Fatal(err)
				}
				space.Layout = layout
				sub := Random(space, rng)
				d, err := space.Breakdown(sub, in)
				if err != nil {
					t.Fatal(err)
				}
				body, err := space.SubnetCost(sub, ScopeBody, in)
				if err != nil {
					t.Fatal(err)
				}
				full, err := space.SubnetCost(sub, ScopeClassifier, in)
				if err != nil {
					t.Fatal(err)
				}
				if d.Body() != body || d.Classifier() != full {
					t.Errorf("%s %s %s: %+v and %+v, want %+v and %+v", name, layout, in, d.Body(), d.Classifier(), body, full)
				}
				stages := d.Stem
				for i := range space.Depths {
					stages = stages.Plus(d.Stage(i))
				}
				if stages != body {
					t.Errorf("%s: the stages are %+v, want %+v", name, stages, body)
				}
			}
		}
	}
}

func TestBreakdownSaysWhereABlockStands(t *testing.T) {
	space, err := Preset("300m")
	if err != nil {
		t.Fatal(err)
	}
	sub, err := ParseSubnet("1000-3032-22330213-2221", space)
	if err != nil {
		t.Fatal(err)
	}
	d, err := space.Breakdown(sub, Square(224))
	if err != nil {
		t.Fatal(err)
	}
	first, last := d.Blocks[0], d.Blocks[19]
	if d.StemSize != Square(112) || first.InSize != Square(112) || first.OutSize != Square(56) || first.Choice != Shuffle5x5 || first.In != 16 || first.Out != 64 || first.Stride != 2 {
		t.Errorf("stem %s, first %+v", d.StemSize, first)
	}
	if last.InSize != Square(7) || last.OutSize != Square(7) || last.Stage != 3 || last.Index != 3 || last.Stride != 1 {
		t.Errorf("last %+v", last)
	}
	if _, err := space.Breakdown(sub[1:], Square(224)); err == nil {
		t.Error("a subnet that is too short")
	}
	if _, err := space.Breakdown(sub, Square(0)); err == nil {
		t.Error("an image of no size")
	}
}
