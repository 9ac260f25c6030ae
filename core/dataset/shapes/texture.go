package shapes

import (
	"math"
	"math/rand/v2"
)

// texture gives a value from 0 to 1 at a point in pixels.
type texture func(x, y float64) float32

func plain(float64, float64) float32 { return 0 }

// drawTexture draws what covers an object of a radius in pixels.
func drawTexture(r *rand.Rand, radius float64) texture {
	period := max(4, radius*between(r, 0.3, 0.9))
	switch r.IntN(6) {
	case 0:
		return stripes(r, period)
	case 1:
		return checks(r, period)
	case 2:
		return dots(r, period)
	case 3:
		return ramp(r, 2*radius)
	case 4:
		return clouds(r, period)
	default:
		return plain
	}
}

// axes returns a random turn and shift of the plane, scaled so that a period
// is 1.
func axes(r *rand.Rand, period float64) func(x, y float64) (u, v float64) {
	sin, cos := math.Sincos(turn(r))
	sin, cos = sin/period, cos/period
	du, dv := r.Float64(), r.Float64()
	return func(x, y float64) (float64, float64) {
		return x*cos + y*sin + du, y*cos - x*sin + dv
	}
}

// wave is a triangle wave of period 1 from -1 to 1.
func wave(t float64) float64 { return 4*math.Abs(t-math.Floor(t)-0.5) - 1 }

// step is 0 below the level 0 and 1 above it, over a band as wide as a pixel
// for a wave of this period.
func step(level, period float64) float32 {
	return float32(min(max(0.5+level*period/4, 0), 1))
}

func stripes(r *rand.Rand, period float64) texture {
	to, bias := axes(r, period), between(r, -0.4, 0.4)
	return func(x, y float64) float32 {
		u, _ := to(x, y)
		return step(wave(u)+bias, period)
	}
}

func checks(r *rand.Rand, period float64) texture {
	to := axes(r, 1.4*period)
	return func(x, y float64) float32 {
		u, v := to(x, y)
		return step(wave(u)*wave(v)*2, period)
	}
}

func dots(r *rand.Rand, period float64) texture {
	to, size := axes(r, period), between(r, 0.22, 0.38)
	return func(x, y float64) float32 {
		u, v := to(x, y)
		u, v = u-math.Floor(u)-0.5, v-math.Floor(v)-0.5
		return step(4*(size-math.Sqrt(u*u+v*v)), period)
	}
}

// ramp goes up and down again, smoothly, over twice its length.
func ramp(r *rand.Rand, length float64) texture {
	to := axes(r, 2*length)
	return func(x, y float64) float32 {
		u, _ := to(x, y)
		return float32(0.5 + 0.5*wave(u))
	}
}

// clouds is value noise in three octaves, the coarsest of this period.
func clouds(r *rand.Rand, period float64) texture {
	const side = 16 // of the lattice, which repeats
	var lattice [side * side]float64
	for i := range lattice {
		lattice[i] = r.Float64()
	}
	at := func(x, y float64) float64 {
		fx, fy := math.Floor(x), math.Floor(y)
		x, y = x-fx, y-fy
		x, y = x*x*(3-2*x), y*y*(3-2*y)
		i0, j0 := int(fx)&(side-1), int(fy)&(side-1)
		i1, j1 := (i0+1)&(side-1), (j0+1)&(side-1)
		top := lattice[j0*side+i0] + x*(lattice[j0*side+i1]-lattice[j0*side+i0])
		low := lattice[j1*side+i0] + x*(lattice[j1*side+i1]-lattice[j1*side+i0])
		return top + y*(low-top)
	}
	to := axes(r, period)
	return func(x, y float64) float32 {
		u, v := to(x, y)
		n := 4*at(u, v) + 2*at(2*u, 2*v) + at(4*u, 4*v)
		return float32(min(max(n/7*1.6-0.3, 0), 1)) // noise keeps to the middle: spread it
	}
}
