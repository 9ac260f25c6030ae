package shapes

import (
	"math"
	"math/rand/v2"
)

// distance is the outline of a shape: the signed distance to it from a point,
// negative inside. The shape lies in the unit disc, y points down. Deep inside
// and far outside it may be a lower bound of the true distance.
type distance func(x, y float64) float64

// class is a kind of shape; draw varies its proportions.
type class struct {
	name string
	draw func(r *rand.Rand) distance
}

// classes are ordered from those told apart at a glance to those that resemble
// an earlier one, so that a small Classes gives an easy set.
var classes = []class{
	{"circle", circle},
	{"square", square},
	{"triangle", triangle},
	{"star", star},
	{"ring", ring},
	{"cross", cross},
	{"crescent", crescent},
	{"heart", heart},
	{"arrow", arrow},
	{"hexagon", hexagon},
}

// ClassNames returns the names of all classes on offer; the category with id k
// (from 1) of a set is the k-th of them.
func ClassNames() []string {
	names := make([]string, len(classes))
	for i, c := range classes {
		names[i] = c.name
	}
	return names
}

func circle(*rand.Rand) distance {
	return func(x, y float64) float64 { return math.Sqrt(x*x+y*y) - 1 }
}

func ring(r *rand.Rand) distance {
	half := between(r, 0.13, 0.2)
	return func(x, y float64) float64 {
		return math.Abs(math.Sqrt(x*x+y*y)-(1-half)) - half
	}
}

// crescent is the unit disc less a smaller one that lies off centre.
func crescent(r *rand.Rand) distance {
	off, hole := between(r, 0.42, 0.6), between(r, 0.74, 0.82)
	return func(x, y float64) float64 {
		outer := math.Sqrt(x*x+y*y) - 1
		inner := math.Sqrt((x-off)*(x-off)+y*y) - hole
		return max(outer, -inner)
	}
}

// heart is a diamond with a disc on each of its two upper sides.
func heart(*rand.Rand) distance {
	const lobe = 0.5 // radius of a disc, and half the side of the diamond
	tip := lobe * math.Sqrt2
	diamond := regular(4, tip)
	return func(x, y float64) float64 {
		mx := math.Abs(x) - tip/2
		my := y + tip/2
		return min(diamond(x, y), math.Sqrt(mx*mx+my*my)-lobe)
	}
}

func square(*rand.Rand) distance   { return regular(4, 1) }
func triangle(*rand.Rand) distance { return regular(3, 1) }
func hexagon(*rand.Rand) distance  { return regular(6, 1) }

func star(r *rand.Rand) distance {
	inner := between(r, 0.38, 0.48)
	return polygon(spokes(10, func(i int) float64 {
		if i%2 == 0 {
			return 1
		}
		return inner
	}))
}

func cross(r *rand.Rand) distance {
	w := between(r, 0.22, 0.32)
	l := math.Sqrt(1 - w*w) // keeps the corners of the arms on the unit circle
	return polygon([][2]float64{
		{-w, -l},
		{w, -l},
		{w, -w},
		{l, -w},
		{l, w},
		{w, w},
		{w, l},
		{-w, l},
		{-w, w},
		{-l, w},
		{-l, -w},
		{-w, -w},
	})
}

func arrow(r *rand.Rand) distance {
	shaft, head := between(r, 0.16, 0.26), between(r, 0.6, 0.7)
	neck := between(r, -0.15, 0.05)
	return polygon([][2]float64{
		{0, -1},
		{head, neck},
		{shaft, neck},
		{shaft, 0.9},
		{-shaft, 0.9},
		{-shaft, neck},
		{-head, neck},
	})
}

// regular returns the polygon of n equal sides with its corners at the radius.
func regular(n int, radius float64) distance {
	return polygon(spokes(n, func(int) float64 { return radius }))
}

// spokes returns n points at equal angles, the first straight up.
func spokes(n int, radius func(i int) float64) [][2]float64 {
	points := make([][2]float64, n)
	for i := range points {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / float64(n))
		points[i] = [2]float64{radius(i) * sin, -radius(i) * cos}
	}
	return points
}

// polygon returns the exact distance to a simple polygon: the nearest edge
// gives the size, the number of edges crossed by a ray to the right the sign.
func polygon(points [][2]float64) distance {
	type edge struct{ x, y, dx, dy, inv float64 }
	edges := make([]edge, len(points))
	for i, p := range points {
		q := points[(i+1)%len(points)]
		dx, dy := q[0]-p[0], q[1]-p[1]
		edges[i] = edge{p[0], p[1], dx, dy, 1 / (dx*dx + dy*dy)}
	}
	return func(x, y float64) float64 {
		nearest, inside := math.Inf(1), false
		for i := range edges {
			e := &edges[i]
			px, py := x-e.x, y-e.y
			t := min(max((px*e.dx+py*e.dy)*e.inv, 0), 1)
			ox, oy := px-t*e.dx, py-t*e.dy
			nearest = min(nearest, ox*ox+oy*oy)
			if (py < 0) != (py-e.dy < 0) && (px*e.dy < py*e.dx) == (e.dy > 0) {
				inside = !inside
			}
		}
		if inside {
			return -math.Sqrt(nearest)
		}
		return math.Sqrt(nearest)
	}
}
