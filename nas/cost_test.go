package nas

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The expected figures of this file come from an independent closed-form
// counter, which was checked against the published ones.

func TestCostPerPosition(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	type row [4][2]int64 // conv MACs and params by choice
	first := []row{
		{{12_594_176, 2_768}, {15_002_624, 3_536}, {18_615_296, 4_688}, {12_343_296, 4_384}},
		{{26_104_064, 18_704}, {27_910_400, 21_008}, {30_619_904, 24_464}, {20_095_488, 26_848}},
		{{30_670_080, 81_280}, {31_673_600, 86_400}, {33_178_880, 94_080}, {21_199_360, 110_720}},
		{{30_387_840, 316_160}, {30_889_600, 326_400}, {31_642_240, 341_760}, {20_634_880, 426_240}},
	}
	later := []row{
		{{7_325_696, 2_528}, {8_931_328, 3_040}, {11_339_776, 3_808}, {12_343_296, 4_320}},
		{{10_599_680, 14_000}, {11_603_200, 15_280}, {13_108_480, 17_200}, {16_746_240, 22_320}},
		{{10_317_440, 53_600}, {10_819_200, 56_160}, {11_571_840, 60_000}, {15_899_520, 83_040}},
		{{10_176_320, 209_600}, {10_427_200, 214_720}, {10_803_520, 222_400}, {15_476_160, 319_680}},
	}
	for c := range Choice(4) {
		sub := make(Subnet, s.Len())
		for i := range sub {
			sub[i] = c
		}
		costs, err := s.PerBlock(sub, Square(224))
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range s.Blocks() {
			want := later[b.Stage][c]
			if b.Index == 0 {
				want = first[b.Stage][c]
			}
			if got := [2]int64{costs[i].ConvMACs(), costs[i].Params}; got != want {
				t.Errorf("stage %d block %d %s: MACs, params %v; want %v", b.Stage, b.Index, c, got, want)
			}
		}
	}
	if got := s.StemCost(Square(224)); got.Params != 464 || got.ConvMACs() != 5_419_008 {
		t.Errorf("stem: %+v", got)
	}
	if got := s.HeadCost(Square(224)); got.Params != 657_408+1_025_000 || got.Conv != 32_112_640 || got.FC != 1_024_000 || got.Pool != 50_176 {
		t.Errorf("head: %+v", got)
	}
}

func TestCostOfPublishedSubnets(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	for _, tc := range []struct {
		subnet     string
		body       BodySummary
		classifier ClassifierSummary
	}{
		{subnetB, BodySummary{1_666_192, 291_782_848, 294_787_136, 303_875_264}, ClassifierSummary{3_348_600, 324_919_488, 337_212_608}},
		{subnetA, BodySummary{1_849_152, 287_078_848, 290_067_456, 298_898_432}, ClassifierSummary{3_531_560, 320_215_488, 332_235_776}},
		{subnetC, BodySummary{1_876_544, 288_778_560, 291_782_848, 300_331_584}, ClassifierSummary{3_558_952, 321_915_200, 333_668_928}},
		{subnetD, BodySummary{1_671_184, 282_882_880, 285_777_408, 294_206_976}, ClassifierSummary{3_353_592, 316_019_520, 327_544_320}},
		{"0000-0000-00000000-0000", BodySummary{1_472_960, 261_702_336, 264_675_264, 272_847_680}, ClassifierSummary{3_155_368, 294_838_976, 306_185_024}},
		{"1111-1111-11111111-1111", BodySummary{1_530_048, 279_514_816, 282_487_744, 290_660_160}, ClassifierSummary{3_212_456, 312_651_456, 323_997_504}},
		{"2222-2222-22222222-2222", BodySummary{1_615_680, 306_233_536, 309_206_464, 317_378_880}, ClassifierSummary{3_298_088, 339_370_176, 350_716_224}},
		{"3333-3333-33333333-3333", BodySummary{2_188_896, 324_685_760, 327_994_240, 340_575_872}, ClassifierSummary{3_871_304, 357_822_400, 373_913_216}},
	} {
		want := Summary{Space: "300m", Layout: LayoutMMRazor, Subnet: tc.subnet, Body: tc.body, Classifier: tc.classifier}
		got, err := Summarise(s, parse(t, tc.subnet, s), Square(224))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.subnet, diff)
		}
	}
}

func TestCostOfficialLayout(t *testing.T) {
	for _, tc := range []struct {
		space, subnet string
		params, macs  int64   // of the classifier, to the unit; 0 where not published
		bodyM, fullM  float64 // conv MACs in millions; 0 where not published
	}{
		{"300m", subnetA, 3_532_072, 321_219_008, 288.1, 321.2},
		{"300m", subnetB, 0, 0, 292.8, 0},
		{"300m", subnetC, 0, 322_918_720, 0, 322.9},
		{"300m", subnetRetina, 3_724_280, 0, 291.2, 0},
		{"300m", subnetVOC, 3_650_088, 0, 316.4, 0},
		{"300m", subnetVOCRet, 3_478_440, 0, 327.5, 0},
		{"300m", subnetTong, 0, 0, 299.94, 0},
		{"1.3g", subnet40, 10_425_256, 0, 1269.2, 1318.4},
		{"3.8g", subnet40, 29_520_876, 0, 3937.8, 0},
	} {
		s := preset(t, tc.space, LayoutOfficial)
		got, err := Summarise(s, parse(t, tc.subnet, s), Square(224))
		if err != nil {
			t.Fatal(err)
		}
		if tc.params != 0 && got.Classifier.Params != tc.params || tc.macs != 0 && got.Classifier.ConvMACs != tc.macs {
			t.Errorf("%s %s: classifier %+v; want %d params, %d MACs", tc.space, tc.subnet, got.Classifier, tc.params, tc.macs)
		}
		if tc.bodyM != 0 && math.Abs(float64(got.Body.ConvMACs)/1e6-tc.bodyM) > 0.05 {
			t.Errorf("%s %s: body %.3fM MACs; want %.2fM", tc.space, tc.subnet, float64(got.Body.ConvMACs)/1e6, tc.bodyM)
		}
		if tc.fullM != 0 && math.Abs(float64(got.Classifier.ConvMACs)/1e6-tc.fullM) > 0.05 {
			t.Errorf("%s %s: classifier %.3fM MACs; want %.2fM", tc.space, tc.subnet, float64(got.Classifier.ConvMACs)/1e6, tc.fullM)
		}
	}
}

func TestScaledSpaceWithTheCodesLastWidth(t *testing.T) {
	s := preset(t, "3.8g", LayoutOfficial)
	s.Last = 1728
	got, err := s.SubnetCost(parse(t, subnet40, s), ScopeClassifier, Square(224))
	if err != nil || math.Abs(float64(got.Params)/1e6-31.44) > 0.005 {
		t.Errorf("%d params, %v; want 31.44M", got.Params, err)
	}
}

func TestSupernetParams(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	for scope, want := range map[Scope]int64{ScopeBody: 6_806_192, ScopeClassifier: 8_488_600} {
		got, err := s.SupernetCost(scope, Square(224))
		if err != nil || got.Params != want {
			t.Errorf("%s: %d params, %v; want %d", scope, got.Params, err, want)
		}
	}
	s.Choices = []Choice{Xception}
	super, err := s.SupernetCost(ScopeBody, Square(224))
	if err != nil {
		t.Fatal(err)
	}
	sub, err := s.SubnetCost(parse(t, "3333-3333-33333333-3333", s), ScopeBody, Square(224))
	if err != nil {
		t.Fatal(err)
	}
	if super != sub {
		t.Errorf("a supernet of one choice costs %+v and its subnet %+v", super, sub)
	}
}

func TestCostRoundsOddSizesUp(t *testing.T) {
	// One 3x3 block on 7x5 pixels: stem to 4x3, block to 2x2.
	s := Space{Name: "one", Stem: 2, Widths: []int{4}, Depths: []int{1}, Choices: AllChoices(), Last: 3, Classes: 2, Layout: LayoutMMRazor}
	got, err := s.SubnetCost(Subnet{Shuffle3x3}, ScopeClassifier, Size{H: 7, W: 5})
	if err != nil {
		t.Fatal(err)
	}
	want := Cost{
		Params: 54 + 4 + (4 + 4) + (18 + 4) + (4 + 4) + (18 + 4) + (4 + 4) + (12 + 6) + 8,
		Conv:   54*12 + 4*12 + 18*4 + 4*4 + 18*4 + 4*4 + 12*4,
		FC:     6,
		ReLU:   24 + 24 + 8 + 8 + 12,
		BN:     24 + 24 + 8 + 8 + 8 + 8 + 12,
		Pool:   12,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestCounts(t *testing.T) {
	c := Cost{Params: 1, Conv: 10, FC: 100, ReLU: 1000, BN: 10_000, Pool: 100_000}
	for n, want := range map[Count]int64{
		CountParams: 1, CountConv: 110, CountConvReLU: 1110, CountConvReLUBN: 21_110, CountMMCV: 121_110, "seconds": -1,
	} {
		if got := c.By(n); got != want {
			t.Errorf("%s: %d; want %d", n, got, want)
		}
		if _, err := ParseCount(string(n)); (err == nil) != (want >= 0) {
			t.Errorf("%s: %v", n, err)
		}
	}
}

func TestCostErrors(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	sub := parse(t, subnetB, s)
	_, tooShort := s.SubnetCost(sub[1:], ScopeBody, Square(224))
	_, noSize := s.SubnetCost(sub, ScopeBody, Size{H: 224})
	_, huge := s.SupernetCost(ScopeBody, Square(1<<20))
	_, scope := s.SubnetCost(sub, "neck", Square(224))
	for want, err := range map[string]error{"19 blocks": tooShort, "224x0": noSize, "1048576x1048576": huge, `"neck" is no scope`: scope} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
	}
}

func TestSummaryJSON(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	sum, err := Summarise(s, parse(t, subnetB, s), Square(224))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(sum)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"space":"300m","layout":"mmrazor","subnet":"1000-3032-22330213-2221",` +
		`"body":{"params":1666192,"conv_macs":291782848,"conv_relu":294787136,"conv_relu_bn":303875264},` +
		`"classifier":{"params":3348600,"conv_macs":324919488,"mmcv_flops":337212608}}`
	if string(got) != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestConstraintString(t *testing.T) {
	c := Constraint{Scope: ScopeBody, Count: CountConvReLU, Max: 300e6, Input: Square(224)}
	if got := c.String(); got != "conv_relu of the body at 224x224 at most 300000000" {
		t.Error(got)
	}
	if got := (Constraint{}).String(); got != "no constraint" {
		t.Error(got)
	}
}

func TestConstraint(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	sub := parse(t, subnetB, s)
	at := Constraint{Scope: ScopeBody, Count: CountConvReLU, Max: 294_787_136, Input: Square(224)}
	for name, tc := range map[string]struct {
		change func(*Constraint)
		want   bool
	}{
		"at the limit":     {func(*Constraint) {}, true},
		"one below":        {func(c *Constraint) { c.Max-- }, false},
		"a stricter count": {func(c *Constraint) { c.Count = CountConvReLUBN }, false},
		"a wider scope":    {func(c *Constraint) { c.Scope = ScopeClassifier }, false},
		"a smaller image":  {func(c *Constraint) { c.Input, c.Max = Size{H: 32, W: 64}, 20e6 }, true},
		"no limit":         {func(c *Constraint) { *c = Constraint{} }, true},
		"params":           {func(c *Constraint) { c.Count, c.Max = CountParams, 1_666_191 }, false},
	} {
		c := at
		tc.change(&c)
		allowed, err := c.Allowed(s)
		if err != nil || allowed(sub) != tc.want {
			t.Errorf("%s (%s): %v, %v; want %v", name, c, err == nil && allowed(sub), err, tc.want)
		}
		if err == nil && allowed(sub[1:]) {
			t.Errorf("%s: a subnet that does not fit is allowed", name)
		}
	}
	for want, c := range map[string]Constraint{
		"limit is -1":    {Max: -1},
		"is no count":    {Max: 1, Scope: ScopeBody, Count: "flops", Input: Square(224)},
		"is no scope":    {Max: 1, Count: CountConv, Input: Square(224)},
		"input size 0x0": {Max: 1, Scope: ScopeBody, Count: CountConv},
	} {
		if _, err := c.Allowed(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
		if _, err := c.Value(s, sub); err == nil {
			t.Errorf("%s: Value gives no error", want)
		}
	}
}

func BenchmarkSubnetCost(b *testing.B) {
	s := preset(b, "300m", LayoutMMRazor)
	sub := parse(b, subnetB, s)
	for b.Loop() {
		if _, err := s.SubnetCost(sub, ScopeBody, Square(224)); err != nil {
			b.Fatal(err)
		}
	}
}
