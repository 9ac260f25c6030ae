package main

import (
	"detnas/core/dataset"
	"detnas/core/seed"
)

// classBatch is 32 images of 224x224 px, 64 of 64x64 px or 64 of 32 by 64: normal noise.
func classBatch(name string) dataset.ClassBatch {
	n, h, w := 64, 64, 64
	switch name {
	case "classify-224":
		n, h, w = 32, 224, 224
	case "classify-64x32":
		w = 32
	}
	rng := seed.Rand(rootSeed, "bench", name)
	b := dataset.ClassBatch{X: noise(name, n*3*h*w, 1), N: n, C: 3, H: h, W: w, Labels: make([]int64, n)}
	for i := range b.Labels {
		b.Labels[i] = int64(rng.IntN(classes))
	}
	return b
}

// detBatch is two images of 320x320 px: weak noise, and twelve rectangles each,
// as many objects as an image of blood cells has, whose class is their colour.
func detBatch() dataset.DetBatch {
	const n, size, grid = 2, 320, 4
	rng := seed.Rand(rootSeed, "bench", "boxes")
	b := dataset.DetBatch{X: noise("detect", n*3*size*size, 0.3), N: n, C: 3, H: size, W: size}
	for i := range n {
		im := dataset.DetTarget{Index: i, W: size, H: size, OrigW: size, OrigH: size}
		for k := range 12 {
			x, y := 10+75*(k%grid)+rng.IntN(8), 10+100*(k/grid)+rng.IntN(12)
			w, h, label := 24+rng.IntN(40), 24+rng.IntN(60), k%objects
			im.Boxes = append(im.Boxes, [4]float32{float32(x), float32(y), float32(x + w), float32(y + h)})
			im.Labels = append(im.Labels, label)
			plane := b.X[(i*3+label)*size*size:]
			for row := y; row < y+h; row++ {
				for col := x; col < x+w; col++ {
					plane[row*size+col] += 1.5
				}
			}
		}
		b.Images = append(b.Images, im)
	}
	return b
}

// noise draws n normal values of the standard deviation std.
func noise(name string, n int, std float64) []float32 {
	rng := seed.Rand(rootSeed, "bench", "noise", name)
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(std * rng.NormFloat64())
	}
	return out
}
