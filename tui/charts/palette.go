package charts

import (
	"image/color"
	"strconv"

	"charm.land/lipgloss/v2"
)

// levels are the steps of each channel in the cube of xterm's 256 colours.
var levels = [6]int{0, 95, 135, 175, 215, 255}

// toLevel is the nearest level of each value of a channel.
var toLevel = nearestLevels()

func nearestLevels() (table [256]uint8) {
	for v := range table {
		for i, l := range levels {
			if abs(v-l) < abs(v-levels[table[v]]) {
				table[v] = uint8(i)
			}
		}
	}
	return table
}

func abs(v int) int { return max(v, -v) }

// nearest is the entry of the 256, of the cube and the 24 greys, that is nearest
// to a colour.
func nearest(r, g, b uint8) uint8 {
	cr, cg, cb := toLevel[r], toLevel[g], toLevel[b]
	grey := min(max((int(r)+int(g)+int(b)-9)/30, 0), 23) // 8, 18, ... 238
	v := 8 + 10*grey
	toCube := square(int(r)-levels[cr]) + square(int(g)-levels[cg]) + square(int(b)-levels[cb])
	if square(int(r)-v)+square(int(g)-v)+square(int(b)-v) < toCube {
		return uint8(232 + grey)
	}
	return 16 + 36*cr + 6*cg + cb
}

func square(v int) int { return v * v }

// rgb is the colour of an entry from 16 on; the ones below are the terminal's
// own and count as grey.
func rgb(entry int) (r, g, b int) {
	switch {
	case entry >= 232:
		v := 8 + 10*(entry-232)
		return v, v, v
	case entry >= 16:
		e := entry - 16
		return levels[e/36], levels[e/6%6], levels[e%6]
	}
	return 128, 128, 128
}

func entry(n int) color.Color { return lipgloss.Color(strconv.Itoa(n)) }
