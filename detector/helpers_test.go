package detector

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"detnas/core/nn"
	"detnas/core/seed"
	"detnas/core/tensor"
	"detnas/detector/box"
	"detnas/nas"
)

// fill makes the values that fill of bench/reference/detector.py makes.
func fill(name string, n int, scale float64) []float32 {
	out := make([]float32, n)
	salt := crc32.ChecksumIEEE([]byte(name))
	for i := range out {
		x := uint32(uint64(i)*2654435761) + salt
		for range 2 {
			x ^= x >> 16
			x *= 0x45d9f3b
		}
		x ^= x >> 16
		out[i] = float32((float64(x)/(1<<32) - 0.5) * 2 * scale)
	}
	return out
}

func filled(s *tensor.Scope, name string, scale float64, shape ...int64) *tensor.Tensor {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return s.FromFloats(fill(name, int(n), scale), device, shape...)
}

// setWeights fills every tensor of the store as set_weights does.
func setWeights(t *testing.T, st *nn.Store) {
	t.Helper()
	set := func(name string, target *tensor.Tensor) {
		scale, shift := 0.1, float32(0)
		switch {
		case filepath.Ext(name) == ".bias":
		case filepath.Ext(name) == ".running_mean":
			scale = 0.2
		case len(target.Shape()) == 1:
			scale, shift = 0.5, 1
		default:
			scale = math.Sqrt(3 / float64(target.Len()/target.Dim(0)))
		}
		values := fill(name, int(target.Len()), scale)
		for i := range values {
			values[i] += shift
		}
		run(t, func(s *tensor.Scope) error { return target.Assign(s.FromFloats(values, device, target.Shape()...)) })
	}
	for _, p := range st.Params {
		set(p.Name, p.T)
	}
	for _, b := range st.Buffers {
		set(b.Name, b.T)
	}
}

// run runs f in a scope on a thread of its own.
func run(t testing.TB, f func(s *tensor.Scope) error) {
	t.Helper()
	err := tensor.OnThread(1, func() error { return tensor.Run("test", f) })
	if err != nil {
		t.Fatal(err)
	}
}

// readReference reads testdata/name.json, which bench/reference/detector.py makes.
func readReference(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// sameFloats compares within a tolerance relative to the largest magnitude.
func sameFloats(t *testing.T, what string, got, want []float32, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	var scale, worst float64
	at := 0
	for i := range want {
		scale = max(scale, math.Abs(float64(want[i])))
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= worst) {
			worst, at = d, i
		}
	}
	if !(worst <= tol*max(scale, 1e-6)) {
		t.Errorf("%s: value %d is %v, want %v", what, at, got[at], want[at])
	}
	differs(t, what, worst/max(scale, 1e-6))
}

func same(t *testing.T, what string, got, want, tol float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tol*math.Abs(want)) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
	if want != 0 {
		differs(t, what, math.Abs(got/want-1))
	}
}

// differs tells `make fidelity` by how much something differs from its reference.
func differs(t *testing.T, what string, by float64) {
	t.Helper()
	t.Logf("%s differs by %.1e", what, by)
}

func sameBoxes(t *testing.T, what string, got, want []box.Box) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d boxes, want %d", what, len(got), len(want))
	}
	worst := 0.0
	for i := range want {
		for c := range 4 {
			d := math.Abs(float64(got[i][c] - want[i][c]))
			if !(d <= 1e-3) {
				t.Fatalf("%s: box %d is %v, want %v", what, i, got[i], want[i])
			}
			worst = max(worst, d)
		}
	}
	differs(t, what+": boxes in px", worst)
}

// referenceTensor is a gradient, or what else has a parameter's or buffer's name: its
// norm and about a dozen of its values.
type referenceTensor struct {
	Name string
	Norm float64
	Some []float32
}

// sameGrads compares the gradients of all parameters of the store within 1e-3.
func sameGrads(t *testing.T, s *tensor.Scope, st *nn.Store, wants []referenceTensor) {
	t.Helper()
	if len(wants) != len(st.Params) {
		t.Errorf("%d parameters, torchvision has %d", len(st.Params), len(wants))
	}
	for _, want := range wants {
		got := s.Grad(st.Get(want.Name))
		same(t, "gradient of "+want.Name, norm(t, got), want.Norm, 1e-3)
		sameFloats(t, "gradient of "+want.Name, everySo(floats(t, got), 12), want.Some, 1e-3)
	}
}

// sameStats compares the means and variances that batch normalisation keeps, all of
// the store's buffers, within 1e-5.
func sameStats(t *testing.T, st *nn.Store, wants []referenceTensor) {
	t.Helper()
	if len(wants) != len(st.Buffers) {
		t.Errorf("%d buffers, torchvision has %d", len(st.Buffers), len(wants))
	}
	for _, want := range wants {
		got := st.Get(want.Name)
		same(t, "batch statistic "+want.Name, norm(t, got), want.Norm, 1e-5)
		sameFloats(t, "batch statistic "+want.Name, everySo(floats(t, got), 12), want.Some, 1e-5)
	}
}

// everySo picks about n of the values as the scripts do.
func everySo(values []float32, n int) []float32 {
	var out []float32
	for i := 0; i < len(values); i += max(1, len(values)/n) {
		out = append(out, values[i])
	}
	return out
}

// referenceFound is what was found in an image, from the best down.
type referenceFound struct {
	Boxes  []box.Box
	Labels []int
	Scores []float32
}

// sameDetections compares boxes within 1e-3 px and scores within 1e-4.
func sameDetections(t *testing.T, found [][]Detection, wants []referenceFound) {
	t.Helper()
	for i, want := range wants {
		var boxes []box.Box
		var labels []int
		worst := 0.0
		for k, f := range found[i] {
			boxes, labels = append(boxes, f.Box), append(labels, f.Label)
			if k >= len(want.Scores) {
				continue
			}
			d := math.Abs(float64(f.Score - want.Scores[k]))
			if !(d <= 1e-4) {
				t.Errorf("image %d: score %d is %v, want %v", i, k, f.Score, want.Scores[k])
			}
			worst = max(worst, d)
		}
		differs(t, fmt.Sprintf("image %d: scores", i), worst)
		sameBoxes(t, fmt.Sprintf("image %d", i), boxes, want.Boxes)
		if !slices.Equal(labels, want.Labels) {
			t.Errorf("image %d: labels %v, want %v", i, labels, want.Labels)
		}
	}
}

// referenceImage is an image of the reference files.
type referenceImage struct {
	W, H   int
	Boxes  []box.Box
	Labels []int
}

func images(refs []referenceImage) []Image {
	out := make([]Image, len(refs))
	for i, r := range refs {
		out[i] = Image{W: r.W, H: r.H, Boxes: r.Boxes, Labels: r.Labels}
	}
	return out
}

// toyBackbone is a plain stack of convolutions with BN, each of stride 2, of which
// the last give the levels.
type toyBackbone struct {
	channels []int // of every convolution
	skip     int   // the first few are no levels
	convs    []*nn.Conv2d
	norms    []*nn.BatchNorm
}

func newToyBackbone(p nn.Path, skip int, channels ...int) *toyBackbone {
	b := &toyBackbone{channels: channels, skip: skip}
	in := 3
	for i, c := range channels {
		b.convs = append(b.convs, nn.NewConv2d(p.At("conv%d", i), nn.ConvSpec{
			In: in, Out: c, Kernel: 3, Stride: 2, Init: kaimingFanOut(c, 3),
		}))
		b.norms = append(b.norms, nn.NewBatchNorm(p.At("bn%d", i), c, 0))
		in = c
	}
	return b
}

func (b *toyBackbone) Channels() []int { return b.channels[b.skip:] }

func (b *toyBackbone) Strides() []int {
	var s []int
	for i := b.skip; i < len(b.channels); i++ {
		s = append(s, 2<<i)
	}
	return s
}

func (b *toyBackbone) Forward(p *nn.Pass, x *tensor.Tensor, _ nas.Subnet) []*tensor.Tensor {
	var out []*tensor.Tensor
	for i, conv := range b.convs {
		x = p.Relu(b.norms[i].Forward(p, conv.Forward(p, x)))
		if i >= b.skip {
			out = append(out, x)
		}
	}
	return out
}

func testRNG(root uint64) RNG {
	return func(image int, stage string) *rand.Rand { return seed.Rand(root, stage, image) }
}
