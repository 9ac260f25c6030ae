package onnxtest

import (
	"fmt"
	"math"
)

// Run computes the outputs for inputs by name.
func (m *Model) Run(inputs map[string]Array) (map[string]Array, error) {
	values := map[string]Array{}
	for name, a := range m.tensors {
		values[name] = a
	}
	for name, a := range inputs {
		values[name] = a
	}
	for _, n := range m.nodes {
		var in []Array
		for _, name := range n.in {
			a, ok := values[name]
			if !ok {
				return nil, fmt.Errorf("%s takes %s, which nothing has made", n.op, name)
			}
			in = append(in, a)
		}
		out, err := n.run(in)
		if err != nil {
			return nil, fmt.Errorf("%s that makes %s: %w", n.op, n.out[0], err)
		}
		for i, name := range n.out {
			values[name] = out[i]
		}
	}
	out := map[string]Array{}
	for _, name := range m.Outputs {
		a, ok := values[name]
		if !ok {
			return nil, fmt.Errorf("the output %s was not made", name)
		}
		out[name] = a
	}
	return out, nil
}

func (n node) run(in []Array) ([]Array, error) {
	one := func(a Array) ([]Array, error) { return []Array{a}, nil }
	x := in[0]
	switch n.op {
	case "Conv":
		return one(n.conv(in))
	case "BatchNormalization":
		return one(eachChannel(x, func(c int, v float64) float64 {
			return (v-in[3].Data[c])/math.Sqrt(in[4].Data[c]+n.floats["epsilon"])*in[1].Data[c] + in[2].Data[c]
		}))
	case "Relu":
		return one(eachChannel(x, func(_ int, v float64) float64 { return max(v, 0) }))
	case "Add":
		if fmt.Sprint(x.Shape) != fmt.Sprint(in[1].Shape) {
			return nil, fmt.Errorf("the shapes are %v and %v", x.Shape, in[1].Shape)
		}
		out := Array{Shape: x.Shape, Data: make([]float64, len(x.Data))}
		for i, v := range x.Data {
			out.Data[i] = v + in[1].Data[i]
		}
		return one(out)
	case "Concat":
		return one(concat(in, int(n.ints["axis"][0])))
	case "Split":
		return n.split(x)
	case "Shape":
		out := Array{Shape: []int{len(x.Shape)}}
		for _, d := range x.Shape {
			out.Data = append(out.Data, float64(d))
		}
		return one(out)
	case "GlobalAveragePool":
		return one(average(x))
	case "MaxPool":
		return one(n.maxPool(x))
	case "Resize":
		return one(n.resize(in))
	case "Slice":
		return one(cut(x, in[1], in[2], in[3]))
	case "Transpose":
		return one(transpose(x, n.ints["perm"]))
	case "Gemm":
		return one(linear(in))
	}
	shape, err := n.reshaped(in)
	if err == nil && size(shape) != len(x.Data) {
		err = fmt.Errorf("%v does not make %v", x.Shape, shape)
	}
	return []Array{{Shape: shape, Data: x.Data}}, err
}

// reshaped is the new shape of an operator that moves no value.
func (n node) reshaped(in []Array) (shape []int, err error) {
	x := in[0].Shape
	switch n.op {
	case "Unsqueeze":
		at := n.ints["axes"][0]
		return append(append(append(shape, x[:at]...), 1), x[at:]...), nil
	case "Squeeze":
		at := n.ints["axes"][0]
		return append(append(shape, x[:at]...), x[at+1:]...), nil
	case "Flatten":
		return []int{size(x[:n.ints["axis"][0]]), size(x[n.ints["axis"][0]:])}, nil
	case "Reshape":
		for i, d := range in[1].Data {
			if d == 0 {
				d = float64(x[i])
			}
			shape = append(shape, int(d))
		}
		return shape, nil
	}
	return nil, fmt.Errorf("the operator is not known")
}

// eachChannel maps the values of x [n, c, ...].
func eachChannel(x Array, f func(c int, v float64) float64) Array {
	out := Array{Shape: x.Shape, Data: make([]float64, len(x.Data))}
	plane := size(x.Shape[2:])
	for i, v := range x.Data {
		out.Data[i] = f(i/plane%x.Shape[1], v)
	}
	return out
}

// window is where a window lies.
func (n node) window() (kernel, stride, pad int) {
	return int(n.ints["kernel_shape"][0]), int(n.ints["strides"][0]), int(n.ints["pads"][0])
}

// sides are those of what windows over h by w make.
func (n node) sides(h, w int) (int, int) {
	k, s, p := n.window()
	return (h+2*p-k)/s + 1, (w+2*p-k)/s + 1
}

func (n node) conv(in []Array) Array {
	x, weight := in[0], in[1]
	k, stride, pad := n.window()
	h, w := n.sides(x.Shape[2], x.Shape[3])
	out, per := weight.Shape[0], weight.Shape[1]
	groups := int(n.ints["group"][0])
	y := Array{Shape: []int{x.Shape[0], out, h, w}, Data: make([]float64, x.Shape[0]*out*h*w)}
	for b := range x.Shape[0] {
		for o := range out {
			to := y.Data[(b*out+o)*h*w:][:h*w]
			if len(in) > 2 {
				for i := range to {
					to[i] = in[2].Data[o]
				}
			}
			for c := range per {
				from := x.Data[(b*x.Shape[1]+o/(out/groups)*per+c)*x.Shape[2]*x.Shape[3]:]
				for ky := range k {
					for kx := range k {
						v := weight.Data[((o*per+c)*k+ky)*k+kx]
						addShifted(to, h, w, from, x.Shape[2], x.Shape[3], ky-pad, kx-pad, stride, v)
					}
				}
			}
		}
	}
	return y
}

// addShifted adds v times the places stride*y+dy, stride*x+dx of from, 0 outside of it.
func addShifted(to []float64, h, w int, from []float64, fromH, fromW, dy, dx, stride int, v float64) {
	for y := range h {
		sy := y*stride + dy
		if sy < 0 || sy >= fromH {
			continue
		}
		for x := range w {
			if sx := x*stride + dx; sx >= 0 && sx < fromW {
				to[y*w+x] += v * from[sy*fromW+sx]
			}
		}
	}
}

func (n node) maxPool(x Array) Array {
	k, stride, _ := n.window()
	h, w := n.sides(x.Shape[2], x.Shape[3])
	out := Array{Shape: []int{x.Shape[0], x.Shape[1], h, w}}
	for p := range x.Shape[0] * x.Shape[1] {
		from := x.Data[p*x.Shape[2]*x.Shape[3]:]
		for y := range h {
			for xx := range w {
				most := math.Inf(-1)
				for i := range k * k {
					most = max(most, from[(y*stride+i/k)*x.Shape[3]+xx*stride+i%k])
				}
				out.Data = append(out.Data, most)
			}
		}
	}
	return out
}

func average(x Array) Array {
	plane := size(x.Shape[2:])
	out := Array{Shape: []int{x.Shape[0], x.Shape[1], 1, 1}}
	for i := 0; i < len(x.Data); i += plane {
		sum := 0.0
		for _, v := range x.Data[i : i+plane] {
			sum += v
		}
		out.Data = append(out.Data, sum/float64(plane))
	}
	return out
}

// resize is nearest, asymmetric, floor: by sizes or by scales.
func (n node) resize(in []Array) Array {
	x := in[0]
	var h, w int
	if len(in) > 3 {
		h, w = int(in[3].Data[2]), int(in[3].Data[3])
	} else {
		h, w = int(float64(x.Shape[2])*in[2].Data[2]), int(float64(x.Shape[3])*in[2].Data[3])
	}
	out := Array{Shape: []int{x.Shape[0], x.Shape[1], h, w}}
	for p := range x.Shape[0] * x.Shape[1] {
		for y := range h {
			for xx := range w {
				out.Data = append(out.Data, x.Data[(p*x.Shape[2]+y*x.Shape[2]/h)*x.Shape[3]+xx*x.Shape[3]/w])
			}
		}
	}
	return out
}

// cut is Slice by steps of 1.
func cut(x, starts, ends, axes Array) Array {
	for i, axis := range axes.Data {
		a := int(axis)
		from, to := int(starts.Data[i]), min(int(ends.Data[i]), x.Shape[a])
		inner := size(x.Shape[a+1:])
		out := Array{Shape: append([]int{}, x.Shape...)}
		out.Shape[a] = to - from
		for b := range size(x.Shape[:a]) {
			out.Data = append(out.Data, x.Data[(b*x.Shape[a]+from)*inner:(b*x.Shape[a]+to)*inner]...)
		}
		x = out
	}
	return x
}

func (n node) split(x Array) ([]Array, error) {
	var out []Array
	from, axis := 0.0, float64(n.ints["axis"][0])
	for _, c := range n.ints["split"] {
		to := from + float64(c)
		out = append(out, cut(x, Array{Data: []float64{from}}, Array{Data: []float64{to}}, Array{Data: []float64{axis}}))
		from = to
	}
	return out, nil
}

func concat(in []Array, axis int) Array {
	out := Array{Shape: append([]int{}, in[0].Shape...)}
	out.Shape[axis] = 0
	for _, a := range in {
		out.Shape[axis] += a.Shape[axis]
	}
	for b := range size(out.Shape[:axis]) {
		for _, a := range in {
			n := size(a.Shape[axis:])
			out.Data = append(out.Data, a.Data[b*n:(b+1)*n]...)
		}
	}
	return out
}

func transpose(x Array, perm []int64) Array {
	steps := make([]int, len(x.Shape))
	for i := range steps {
		steps[i] = size(x.Shape[i+1:])
	}
	out := Array{Data: make([]float64, len(x.Data))}
	for _, p := range perm {
		out.Shape = append(out.Shape, x.Shape[p])
	}
	for i := range out.Data {
		rest, from := i, 0
		for d := len(perm) - 1; d >= 0; d-- {
			from += rest % out.Shape[d] * steps[perm[d]]
			rest /= out.Shape[d]
		}
		out.Data[i] = x.Data[from]
	}
	return out
}

// linear is Gemm with transB.
func linear(in []Array) Array {
	x, weight, bias := in[0], in[1], in[2]
	rows, k, outs := x.Shape[0], x.Shape[1], weight.Shape[0]
	out := Array{Shape: []int{rows, outs}}
	for r := range rows {
		for o := range outs {
			sum := bias.Data[o]
			for i := range k {
				sum += x.Data[r*k+i] * weight.Data[o*k+i]
			}
			out.Data = append(out.Data, sum)
		}
	}
	return out
}
