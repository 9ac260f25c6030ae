package search

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"detnas/core/run"
	"detnas/nas"
	"detnas/tui/charts"
	"detnas/tui/components/text"
	"detnas/tui/ranking"
)

// wordsHeight is the lines of words below the map.
const wordsHeight = 3

var measureNames = [measures]string{"how often in the population", "how often in the top ten", "mean score of those that have it"}

func (p *Page) measureName() string { return measureNames[p.measure] }

// generationName says where the slider stands.
func (p *Page) generationName() string {
	numbers := p.choices.Generations()
	if p.generation == AllSoFar {
		return fmt.Sprintf("all %d generations", len(numbers))
	}
	name := fmt.Sprintf("generation %d of %d", p.generation+1, numbers[len(numbers)-1]+1)
	if p.measure != Population {
		name = "up to " + name
	}
	return name
}

// slide moves through the generations; all so far stands after the last one.
func (p *Page) slide(by int) {
	numbers := p.choices.Generations()
	at := slices.Index(numbers, p.generation)
	if at < 0 {
		at = len(numbers)
	}
	at = min(max(at+by, 0), len(numbers))
	p.generation = AllSoFar
	if at < len(numbers) {
		p.generation = numbers[at]
	}
}

// drawChoices draws the map and what its cursor stands on.
func (p *Page) drawChoices(width, height int) string {
	words := height - p.mapRoom(height)
	m := p.choices.Map(p.measure, p.generation)
	view := p.heatmap(m, width).Draw(width, height-words)
	if words == 0 {
		return view
	}
	lines := []string{p.cellWords(m), p.subnetWords(width), p.measureWords(m)}
	return view + "\n" + text.Block(lines[:words], width, words, p.common.Glyphs.Ellipsis)
}

// mapRoom is the lines of the map out of so many; the words have the others.
func (p *Page) mapRoom(height int) int {
	words := min(wordsHeight, max(height-len(p.space.Choices)-1, 0))
	return height - words
}

func (p *Page) heatmap(m Map, width int) charts.Heatmap {
	locks := p.run.History.State.Steering.Locks
	h := charts.Heatmap{
		Look: p.look(), Groups: p.space.Depths, Cursor: true, CursorRow: p.row, CursorColumn: p.block,
		Cells: make([][]charts.Cell, len(p.space.Choices)),
	}
	for i := range p.space.Depths {
		name := fmt.Sprintf("stage %d", i+1)
		if slices.Min(p.space.Depths) == 1 {
			name = fmt.Sprintf("s%d", i+1)
		}
		h.Names = append(h.Names, name)
	}
	for b := range p.space.Len() {
		h.Columns = append(h.Columns, fmt.Sprint(b+1))
	}
	shown, _ := p.shown()
	digits := p.digits(width)
	for k, choice := range p.space.Choices {
		h.Rows = append(h.Rows, fmt.Sprintf("%d %s", int(choice), choice))
		for b := range p.space.Len() {
			cell := charts.Cell{Level: level(p.measure, m, k, b), Text: p.cellText(m, k, b, digits)}
			if b < len(shown) && shown[b] == choice {
				cell.Picked = true
			}
			if c, ok := locks[b+1]; ok && c == int(choice) {
				cell.Mark = p.common.Glyphs.Lock
			}
			if p.wheel().Asked(run.ActLock, "", b+1, int(choice)) || p.wheel().Asked(run.ActUnlock, "", b+1, -1) && cell.Mark != "" {
				cell.Mark = "?"
			}
			h.Cells[k] = append(h.Cells[k], cell)
		}
	}
	return h
}

// level is how high a cell stands on the ramp. Shares go by their root, so that
// the usual ones, around one in four, can be told apart.
func level(m Measure, values Map, choice, block int) float64 {
	v := values.Values[choice][block]
	if m != MeanScore {
		return math.Sqrt(v)
	}
	if values.High <= values.Low {
		return v * 0 // all the same: the lowest, and NaN stays NaN
	}
	return (v - values.Low) / (values.High - values.Low)
}

// wide is about how wide a cell is.
func (p *Page) wide(width int) int {
	const label = 12
	return (width - label - len(p.space.Depths) + 1) / max(p.space.Len(), 1)
}

// digits is how many a cell has room for: two in any case, at most four.
func (p *Page) digits(width int) int { return min(max(p.wide(width)-2, 2), 4) }

// cellText writes a cell in so many digits: a percentage, a count of ten, or the
// first digits of a score.
func (p *Page) cellText(m Map, choice, block, digits int) string {
	v, n := m.Values[choice][block], m.Counts[choice][block]
	switch {
	case math.IsNaN(v):
		return ""
	case p.measure == TopTen:
		return fmt.Sprint(n)
	case p.measure == MeanScore:
		from, scale := scoreScale(m, digits)
		return fmt.Sprintf("%.0f", (v-from)*scale)
	}
	percent := math.Round(100 * v)
	if percent >= 100 && digits < 3 {
		return strings.Repeat(p.common.Glyphs.Full, 2)
	}
	return fmt.Sprintf("%.0f", percent)
}

// scoreScale is how a score is written in so many digits: what is taken off it,
// and the power of ten that the rest is multiplied by. Two digits do not tell
// means apart, which lie close together: there it is what they are above the
// lowest.
func scoreScale(m Map, digits int) (from, scale float64) {
	highest := max(math.Abs(m.High), math.Abs(m.Low))
	if digits < 3 {
		from = m.Low
		highest = m.High - m.Low
	}
	if math.IsNaN(highest) || highest <= 0 || math.IsInf(highest, 0) {
		return 0, 1
	}
	scale = math.Pow(10, float64(digits-1)-math.Floor(math.Log10(highest)))
	if math.Round(highest*scale) >= math.Pow(10, float64(digits)) {
		scale /= 10
	}
	return from, scale
}

// measureWords say what the cells' figures are.
func (p *Page) measureWords(m Map) string {
	s := p.common.Styles
	what := ""
	switch p.measure {
	case Population:
		what = fmt.Sprintf("Cells: %% of %d with the choice", m.Of)
		if p.digits(p.width) < 3 {
			what += "; " + strings.Repeat(p.common.Glyphs.Full, 2) + " is 100"
		}
	case TopTen:
		what = fmt.Sprintf("Cells: how many of the %d best have the choice", m.Of)
	case MeanScore:
		from, scale := scoreScale(m, p.digits(p.width))
		what = "Cells: mean score"
		if from != 0 {
			what += " above " + ranking.Score(from)
		}
		what += fmt.Sprintf(" %s %.0f", p.common.Glyphs.Times, scale)
	}
	picked := "[ ]"
	if p.wide(p.width) < 4 {
		picked = p.common.Glyphs.Bullet
	}
	return s.Faint.Render(" " + what + "; " + picked + " subnet, " + p.common.Glyphs.Lock + " locked, ? asked")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// cellWords say all of the cell under the cursor.
func (p *Page) cellWords(m Map) string {
	if p.row >= len(p.space.Choices) || p.block >= p.space.Len() {
		return ""
	}
	s := p.common.Styles
	choice := p.space.Choices[p.row]
	words := fmt.Sprintf("Block %d as %s: ", p.block+1, choice)
	v, n := m.Values[p.row][p.block], m.Counts[p.row][p.block]
	switch {
	case math.IsNaN(v):
		words += "no candidate"
	case p.measure == MeanScore:
		words += fmt.Sprintf("mean score %s of %s", ranking.Score(v), count(n, "candidate"))
	case p.measure == TopTen:
		words += fmt.Sprintf("%d of the %d best", n, m.Of)
	default:
		words += fmt.Sprintf("%d of %s, %.0f %%", n, count(m.Of, "candidate"), math.Round(100*v))
	}
	if cost, ok := p.blockCost(choice); ok {
		words += fmt.Sprintf("; %s MACs", ranking.Count(cost))
	}
	if c, ok := p.run.History.State.Steering.Locks[p.block+1]; ok {
		words += fmt.Sprintf("; locked to %s", nas.Choice(c))
	}
	return " " + s.Text.Render(words)
}

// blockCost is what the block under the cursor costs with a choice.
func (p *Page) blockCost(choice nas.Choice) (int64, bool) {
	if p.config == nil || len(p.run.Space.Depths) == 0 {
		return 0, false
	}
	sub := slices.Repeat([]nas.Choice{p.space.Choices[0]}, p.space.Len())
	sub[p.block] = choice
	costs, err := p.space.PerBlock(sub, nas.Square(p.config.Search.InputSize))
	if err != nil || p.block >= len(costs) {
		return 0, false
	}
	return costs[p.block].ConvMACs(), true
}
