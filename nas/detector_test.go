package nas

import (
	"strings"
	"testing"
)

func TestSupernetDetectorCost(t *testing.T) {
	// A user of MMRazor measured 25.69M parameters and 262.05G for the supernet's
	// detector at 1333x800 (open-mmlab/mmrazor issue 150), which its SyncBN
	// leaves without the BatchNorms: conv + FC + ReLU.
	s := preset(t, "300m", LayoutMMRazor)
	d, err := s.SupernetDetectorCost(COCODetector())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		part         string
		cost         Cost
		params, macs int64
	}{
		{"backbone", d.Backbone, 6_806_192, 24_768_844_800},
		{"neck", d.Neck, 2_666_496, 54_947_020_800},
		{"rpn", d.RPN, 593_935, 53_170_843_005},
		{"head", d.Head, 15_618_449, 128_861_184_000},
	} {
		if tc.cost.Params != tc.params || tc.cost.ConvMACs() != tc.macs {
			t.Errorf("%s: %d params, %d MACs; want %d, %d", tc.part, tc.cost.Params, tc.cost.ConvMACs(), tc.params, tc.macs)
		}
	}
	total := d.Total()
	if total.Params != 25_685_072 || total.ConvReLU()/1e6 != 262_048 {
		t.Errorf("total: %d params, %d; want 25,685,072 and 262.048G", total.Params, total.ConvReLU())
	}
	if total.ConvReLUBN()/1e6 != 263_009 {
		t.Errorf("with BatchNorm counted: %d; want 263.009G", total.ConvReLUBN())
	}
}

func TestSubnetDetectorCost(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	for subnet, want := range map[string]int64{subnetB: 20_545_072, subnetA: 20_728_032} {
		d, err := s.DetectorCost(parse(t, subnet, s), COCODetector())
		if err != nil || d.Total().Params != want {
			t.Errorf("%s: %d params, %v; want %d", subnet, d.Total().Params, err, want)
		}
		if subnet == subnetB && (d.Total().ConvReLU()/1e6 != 243_347 || d.Backbone.ConvMACs()/1e6 != 6_252) {
			t.Errorf("%s: %d, backbone %d; want 243.347G and 6.252G", subnet, d.Total().ConvReLU(), d.Backbone.ConvMACs())
		}
	}
}

func TestDetectorWithoutNorms(t *testing.T) {
	s := Space{Name: "one", Stem: 2, Widths: []int{4, 8}, Depths: []int{1, 1}, Choices: AllChoices(), Last: 3, Classes: 2, Layout: LayoutMMRazor}
	spec := DetectorSpec{
		Input: Square(32), NeckChannels: 6, Levels: 3, RPNChannels: 5, Anchors: 2,
		Classes: 3, RoISize: 2, FCs: 2, FCWidth: 10, RoIs: 7,
	}
	d, err := s.DetectorCost(Subnet{0, 0}, spec)
	if err != nil {
		t.Fatal(err)
	}
	// Levels are 8x8, 4x4 and, pooled, 2x2.
	neck := Cost{Params: (24 + 6 + 324 + 6) + (48 + 6 + 324 + 6), Conv: 64*(24+6+324+6) + 16*(48+6+324+6)}
	perCell := int64(6*5*9 + 5 + 5*2 + 2 + 5*8 + 8)
	rpn := Cost{Params: perCell, Conv: (64 + 16 + 4) * perCell}
	head := Cost{Params: 250 + 110 + 44 + 132, FC: 7 * (240 + 100 + 40 + 120), ReLU: 7 * 20}
	if d.Neck != neck || d.RPN != rpn || d.Head != head {
		t.Errorf("neck %+v\nwant %+v\nrpn %+v\nwant %+v\nhead %+v\nwant %+v", d.Neck, neck, d.RPN, rpn, d.Head, head)
	}
}

// detectron2's tests have 37,915,572 parameters for a RetinaNet on ResNet-50,
// 31,452,352 of them before the head, and those of the ResNet's convolutions are
// 23,454,912. It makes P6 from C5.
func TestRetinaNetCost(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	s.Widths = []int{256, 512, 1024, 2048}
	spec := COCORetinaNet()
	spec.NeckNorm = false
	d, err := s.SupernetDetectorCost(spec)
	if err != nil {
		t.Fatal(err)
	}
	if d.Neck.Params != 31_452_352-23_454_912 || d.Head.Params != 37_915_572-31_452_352 || d.RPN != (Cost{}) {
		t.Errorf("neck %d and head %d parameters, rpn %+v", d.Neck.Params, d.Head.Params, d.RPN)
	}
}

func TestSmallRetinaNetCost(t *testing.T) {
	s := Space{Name: "one", Stem: 2, Widths: []int{4, 8, 10}, Depths: []int{1, 1, 1}, Choices: AllChoices(), Last: 3, Classes: 2, Layout: LayoutMMRazor}
	spec := DetectorSpec{
		Kind: KindRetinaNet, Input: Square(64), NeckChannels: 6, First: 1, Levels: 4, NeckNorm: true,
		Anchors: 2, Classes: 3, TowerConvs: 1, TowerWidth: 5,
	}
	// Levels are 8x8 and 4x4, and by convolution 2x2 and 1x1.
	perCell := int64(2*(6*5*9+5) + 5*6*9 + 6 + 5*8*9 + 8)
	head := Cost{Params: perCell, Conv: (64 + 16 + 4 + 1) * perCell, ReLU: (64 + 16 + 4 + 1) * 10}
	for onOutput, first := range map[bool]int64{false: 10 * 6 * 9, true: 6 * 6 * 9} {
		spec.ExtraOnOutput = onOutput
		d, err := s.DetectorCost(Subnet{0, 0, 0}, spec)
		if err != nil {
			t.Fatal(err)
		}
		neck := Cost{
			Params: (48 + 324 + 60 + 324) + first + 324 + 6*12, Conv: 64*(48+324) + 16*(60+324) + 4*first + 324,
			BN: 2*6*(64+16) + 6*(4+1),
		}
		if d.Neck != neck || d.Head != head {
			t.Errorf("on output %v: neck %+v\nwant %+v\nhead %+v\nwant %+v", onOutput, d.Neck, neck, d.Head, head)
		}
	}
}

func TestDetectorErrors(t *testing.T) {
	s := preset(t, "300m", LayoutMMRazor)
	for want, change := range map[string]func(*DetectorSpec){
		"3 levels for 4 stages":       func(d *DetectorSpec) { d.Levels = 3 },
		"fully connected layers is 0": func(d *DetectorSpec) { d.FCs = 0 },
		"roi width is 0":              func(d *DetectorSpec) { d.RoIWidth = 0 },
		"input size":                  func(d *DetectorSpec) { d.Input.W = 0 },
		"no kind of detector":         func(d *DetectorSpec) { d.Kind = "yolo" },
		"from stage 4 of 4":           func(d *DetectorSpec) { d.First = 4 },
		"tower width is 0":            func(d *DetectorSpec) { *d = COCORetinaNet(); d.TowerWidth = 0 },
	} {
		spec := COCODetector()
		change(&spec)
		if _, err := s.SupernetDetectorCost(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v; want %q in it", err, want)
		}
	}
	if _, err := s.DetectorCost(Subnet{0}, COCODetector()); err == nil {
		t.Error("a subnet that does not fit: no error")
	}
}
