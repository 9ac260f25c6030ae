package nas

import (
	"strings"
	"testing"

	"detnas/core/input/inputtest"
	"detnas/core/seed"
)

// The published subnets, by the letters under which the tests speak of them.
const (
	subnetA      = "2120-2112-33130031-3132"                     // official COCO-FPN-300M
	subnetB      = "1000-3032-22330213-2221"                     // MMRazor's DETNAS_SUBNET.yaml, 37.5 mAP
	subnetC      = "2101-2020-20230000-3233"                     // Single Path One-Shot, paper
	subnetD      = "2020-3110-01010312-2013"                     // MMRazor's SPOS_SUBNET.yaml
	subnetRetina = "2311-3213-31113320-3333"                     // official COCO-RetinaNet-300M
	subnetVOC    = "2103-1303-20113333-3331"                     // official VOC-FPN-300M
	subnetVOCRet = "1300-2333-23333220-2311"                     // official VOC-RetinaNet-300M
	subnetTong   = "0001-2033-12223331-3232"                     // "tong_1019" of the official code
	subnet40     = "00312102-03123320-2113202221310333-13333333" // official 1.3G and 3.8G
)

func parse(t testing.TB, text string, space Space) Subnet {
	t.Helper()
	s, err := ParseSubnet(text, space)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestShortRoundTrip(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	for _, text := range []string{subnetA, subnetB, subnetC, subnetD} {
		sub := parse(t, text, s)
		if got := sub.Short(s); got != text {
			t.Errorf("%s comes back as %s", text, got)
		}
		if want := strings.ReplaceAll(text, "-", ""); sub.Key() != want {
			t.Errorf("%s has key %s", text, sub.Key())
		}
	}
	parse(t, subnet40, preset(t, "1.3g", LayoutMMRazor))
	if sub := parse(t, " 1000-3032-22330213-2221\n", s); sub.Short(s) != subnetB {
		t.Error("white space around a subnet is not passed over")
	}
	for text, want := range map[string]string{"3x3": "0000-0000-00000000-0000", "Xception": "3333-3333-33333333-3333"} {
		if sub := parse(t, text, s); sub.Short(s) != want {
			t.Errorf("all blocks %q: %s", text, sub.Short(s))
		}
	}
}

func TestParseSubnetErrors(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	s.Choices = []Choice{Shuffle3x3, Shuffle5x5, Xception}
	for text, want := range map[string][]string{
		"":                           {"1 stages", "0000-0000-00000000-0000"},
		"0000-0000-00000000":         {"3 stages and space 300m has 4"},
		"0000-00000-00000000-0000":   {"stage 1 has 5 blocks"},
		"0000-0000-00000400-0000":    {"stage 2 block 5", "'4'", "0 = 3x3, 1 = 5x5, 3 = xception"},
		"0000-0020-00000000-0000":    {"stage 1 block 2", "'2'"},
		"0000-0000-000000\xff0-0000": {"stage 2 block 6"},
		strings.Repeat("0", 1000):    {"..."},
		"7x7":                        {"7x7 is no choice of space 300m", "0 = 3x3, 1 = 5x5, 3 = xception"},
	} {
		_, err := ParseSubnet(text, s)
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%.40q: error %v; want %q in it", text, err, w)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	sub := parse(t, subnetB, s)
	if err := sub.Check(s); err != nil {
		t.Error(err)
	}
	if err := sub[:19].Check(s); err == nil || !strings.Contains(err.Error(), "19 blocks") {
		t.Errorf("too short: %v", err)
	}
	if got := sub[:19].Short(s); got != "1000-3032-22330213-222" {
		t.Errorf("a subnet that is too short is shown as %s", got)
	}
	sub[9] = 7
	if err := sub.Check(s); err == nil || !strings.Contains(err.Error(), "stage 2 block 1") {
		t.Errorf("bad choice: %v", err)
	}
	if got := append(sub, 1).Short(s); got != "1000-3032-2?330213-22211" {
		t.Errorf("a subnet that does not fit is shown as %s", got)
	}
}

func TestRandomIsUniform(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	s.Choices = []Choice{Shuffle5x5, Xception}
	n, draws := map[Choice]int{}, 500
	for i := range draws {
		sub := Random(s, seed.Rand(1, i))
		if err := sub.Check(s); err != nil {
			t.Fatal(err)
		}
		for _, c := range sub {
			n[c]++
		}
	}
	if got := float64(n[Xception]) / float64(draws*s.Len()); got < 0.48 || got > 0.52 {
		t.Errorf("xception is drawn in %.3f of the blocks", got)
	}
}

func FuzzParseSubnet(f *testing.F) {
	for _, text := range []string{subnetA, subnetB, "", "-", "0000-0000-00000000-000\xff", strings.Repeat("-", 50)} {
		f.Add(text)
	}
	space := preset(f, "300m", LayoutMMRazor)
	f.Fuzz(func(t *testing.T, text string) {
		sub, err := ParseSubnet(text, space)
		if err != nil {
			inputtest.Clear(t, err, "subnet")
			return
		}
		if err := sub.Check(space); err != nil {
			t.Fatalf("%q was read as a subnet that does not fit: %v", text, err)
		}
		if got := sub.Short(space); got != strings.TrimSpace(text) {
			t.Fatalf("%q comes back as %q", text, got)
		}
	})
}
