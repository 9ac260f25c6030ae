package dataset

// ClassBatch is a batch of labelled images.
type ClassBatch struct {
	// X is [N, C, H, W], normalised, channels in the order red, green, blue.
	X          []float32
	N, C, H, W int
	// Labels holds the class of each image, Indices its place in the set.
	Labels  []int64
	Indices []int
}

// Part is the batch's images from to to-1, on the same memory.
func (b ClassBatch) Part(from, to int) ClassBatch {
	size := b.C * b.H * b.W
	return ClassBatch{
		X: b.X[from*size : to*size], N: to - from, C: b.C, H: b.H, W: b.W,
		Labels: b.Labels[from:to], Indices: b.Indices[from:to],
	}
}

// newClassBatch returns a batch of zeros.
func newClassBatch(n, size int) ClassBatch {
	return ClassBatch{
		X: make([]float32, n*3*size*size), N: n, C: 3, H: size, W: size,
		Labels: make([]int64, n), Indices: make([]int, n),
	}
}

// image returns the floats of image i.
func (b ClassBatch) image(i int) []float32 {
	size := b.C * b.H * b.W
	return b.X[i*size : (i+1)*size]
}

// DetBatch is a batch of images with boxes. Each image stands in the top left
// corner of its [C, H, W] part; right of it and below it are zeros, which is the
// mean colour, as mmdet pads after normalising.
type DetBatch struct {
	// X is [N, C, H, W], normalised, channels in the order red, green, blue.
	X          []float32
	N, C, H, W int
	// Images describes the images in the order of X.
	Images []DetTarget
}

// Part is the batch's images from to to-1, on the same memory and padded as before.
func (b DetBatch) Part(from, to int) DetBatch {
	size := b.C * b.H * b.W
	return DetBatch{
		X: b.X[from*size : to*size], N: to - from, C: b.C, H: b.H, W: b.W,
		Images: b.Images[from:to],
	}
}

// Padded is the batch with each image in the top left corner of a part of at least
// height by width px, as it is in a batch with larger images.
func (b DetBatch) Padded(height, width int) DetBatch {
	height, width = max(height, b.H), max(width, b.W)
	if height == b.H && width == b.W {
		return b
	}
	x := make([]float32, b.N*b.C*height*width)
	for row := range b.N * b.C * b.H {
		plane, y := row/b.H, row%b.H
		copy(x[(plane*height+y)*width:], b.X[row*b.W:(row+1)*b.W])
	}
	b.X, b.H, b.W = x, height, width
	return b
}

// DetTarget is one image of a DetBatch and what is to be found in it. Boxes are
// x1, y1, x2, y2 in pixels of the scaled (and, when Flipped, mirrored) image.
type DetTarget struct {
	// Index is the place in the set, ID the id of the annotation file.
	Index int
	ID    int64
	// Place is that among the images of a training iteration, over all ranks.
	Place int
	// W and H are the scaled size, OrigW and OrigH that of the file, in pixels.
	W, H         int
	OrigW, OrigH int
	// ScaleX and ScaleY are W/OrigW and H/OrigH; dividing by them leads back.
	ScaleX, ScaleY float32
	// Flipped says that the image was mirrored left to right.
	Flipped bool
	// Boxes are the objects, Labels their classes.
	Boxes  [][4]float32
	Labels []int
	// Ignore are the crowd regions and VOC's difficult objects, which are neither
	// object nor background.
	Ignore [][4]float32
}

// detImage is a scaled image with its target, before it goes into a batch.
type detImage struct {
	image  Image
	target DetTarget
}

// padDivisor is what the sides of a detection batch are multiples of unless an
// option says otherwise: the stride of the deepest stage (mmdet's Pad size_divisor).
const padDivisor = 32

// padded rounds a side up to a multiple of divisor; 0 is padDivisor.
func padded(side, divisor int) int {
	if divisor <= 0 {
		divisor = padDivisor
	}
	return (side + divisor - 1) / divisor * divisor
}

// stack lays images out in one batch that holds the largest of them.
func stack(images []detImage, divisor int, t *table) DetBatch {
	b := DetBatch{N: len(images), C: 3}
	for _, m := range images {
		b.W = max(b.W, padded(m.image.W, divisor))
		b.H = max(b.H, padded(m.image.H, divisor))
	}
	size := b.C * b.H * b.W
	b.X = make([]float32, b.N*size)
	b.Images = make([]DetTarget, b.N)
	for i, m := range images {
		t.write(b.X[i*size:(i+1)*size], b.W, b.H, m.image, m.target.Flipped)
		b.Images[i] = m.target
	}
	return b
}
