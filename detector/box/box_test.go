package box

import "testing"

func TestOverlaps(t *testing.T) {
	unit := Box{0, 0, 10, 10}
	tests := []struct {
		name     string
		a, b     Box
		iou, ioa float32
	}{
		{"same", unit, unit, 1, 1},
		{"half inside", unit, Box{5, 0, 15, 10}, 50.0 / 150, 0.5},
		{"contained", Box{2, 2, 4, 4}, unit, 4.0 / 100, 1},
		{"containing", unit, Box{2, 2, 4, 4}, 4.0 / 100, 4.0 / 100},
		{"touching", unit, Box{10, 0, 20, 10}, 0, 0},
		{"apart", unit, Box{30, 30, 40, 40}, 0, 0},
		{"empty", Box{5, 5, 5, 5}, unit, 0, 0},
		{"both empty", Box{5, 5, 5, 5}, Box{5, 5, 5, 5}, 0, 0},
		{"inside out", Box{9, 9, 1, 1}, unit, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := IoU(tt.a, tt.b); got != tt.iou {
				t.Errorf("IoU = %v, want %v", got, tt.iou)
			}
			if got := IoU(tt.b, tt.a); got != tt.iou {
				t.Errorf("IoU the other way = %v, want %v", got, tt.iou)
			}
			if got := IoA(tt.a, tt.b); got != tt.ioa {
				t.Errorf("IoA = %v, want %v", got, tt.ioa)
			}
		})
	}
}

func TestClip(t *testing.T) {
	tests := []struct{ in, want Box }{
		{Box{1, 2, 3, 4}, Box{1, 2, 3, 4}},
		{Box{-5, -6, 30, 40}, Box{0, 0, 20, 10}},
		{Box{25, 15, 30, 40}, Box{20, 10, 20, 10}},
	}
	for _, tt := range tests {
		if got := Clip(tt.in, 20, 10); got != tt.want {
			t.Errorf("Clip(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}
