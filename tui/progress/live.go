package progress

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// The live line's bar, in columns.
const (
	barLeast = 6
	barMost  = 30
)

const gap = "  "

// field is a part of the live line.
type field struct {
	text  string
	paint func(string) string
}

// live is one line of fewer than width columns. What does not fit is left out,
// the least needed first.
func (s *state) live(width int, now time.Time, k ink) string {
	room := width - 1 // a full last column makes some terminals wrap
	title, number := s.title(), fmt.Sprintf("%d/%d", s.step, steps)
	if s.step == 0 {
		title, number = "starting", "starting"
	}
	if s.cause != "" {
		return k.bad(ansi.Truncate(title+gap+clean(s.cause), room, "…"))
	}
	counted := s.step > 0 && s.waiting == ""
	if !counted {
		fields := []field{{title, k.bold}, {s.waiting, k.faint}}
		return compose(fields, choose(fields, []int{0, 1}, room), room)
	}
	if lipgloss.Width(title)+len(gap)+len(s.counted()) > room {
		title = number
	}
	fields := []field{
		{title, k.bold},
		{},
		{s.counted(), nil},
		{s.measure(), nil},
		{s.speed(), nil},
		{s.troubles(), k.bad},
		{s.remaining(now), nil},
	}
	// The count and the time left matter most; the speed least.
	kept := choose(fields, []int{0, 2, 6, 3, 5, 4}, room)
	if free := room - used(fields, kept) - len(gap); free >= barLeast {
		size := min(free, barMost)
		full := 0
		if s.total > 0 {
			full = min(size*s.done/s.total, size)
		}
		fields[1] = field{text: strings.Repeat("━", full) + strings.Repeat("─", size-full), paint: func(bar string) string {
			cells := []rune(bar)
			return k.good(string(cells[:full])) + k.faint(string(cells[full:]))
		}}
		kept[1] = true
	}
	return compose(fields, kept, room)
}

// choose keeps, in the order of their importance, the fields that fit.
func choose(fields []field, order []int, room int) map[int]bool {
	kept := map[int]bool{}
	for _, i := range order {
		if fields[i].text == "" {
			continue
		}
		kept[i] = true
		if used(fields, kept) > room && i != order[0] {
			delete(kept, i)
		}
	}
	return kept
}

// used is the columns that the kept fields take, with gaps between them.
func used(fields []field, kept map[int]bool) int {
	n := -len(gap)
	for i, f := range fields {
		if kept[i] {
			n += len(gap) + lipgloss.Width(f.text)
		}
	}
	return max(n, 0)
}

func compose(fields []field, kept map[int]bool, room int) string {
	if used(fields, kept) > room {
		for i, f := range fields { // only the first is left
			if kept[i] {
				return string([]rune(f.text)[:max(room, 0)])
			}
		}
	}
	var parts []string
	for i, f := range fields {
		if !kept[i] {
			continue
		}
		if f.paint != nil {
			f.text = f.paint(f.text)
		}
		parts = append(parts, f.text)
	}
	return strings.Join(parts, gap)
}

// counted is "120/300", as wide at the start as at the end.
func (s *state) counted() string {
	total := fmt.Sprint(s.total)
	return fmt.Sprintf("%*d/%s", len(total), s.done, total)
}

// measure is the loss, or the best candidate's score.
func (s *state) measure() string {
	switch {
	case s.step == searchStep && s.subnet != "":
		return fmt.Sprintf("best %.4f", s.best)
	case s.losses:
		return fmt.Sprintf("loss %.4g", s.loss)
	}
	return ""
}

func (s *state) speed() string {
	switch {
	case s.step == searchStep && s.each > 0:
		return fmt.Sprintf("generation %d, %.2g s each", s.generation+1, s.each.Seconds())
	case s.losses:
		return fmt.Sprintf("%.3g img/s", s.rate)
	}
	return ""
}

func (s *state) remaining(now time.Time) string {
	if s.each == 0 {
		return ""
	}
	return clock(s.left(now)) + " left"
}

// troubles counts what a reader of the result should know.
func (s *state) troubles() string {
	var parts []string
	if s.warnings > 0 {
		parts = append(parts, count(s.warnings, "warning"))
	}
	if s.problems > 0 {
		parts = append(parts, count(s.problems, "data problem"))
	}
	return strings.Join(parts, ", ")
}

// plain is the live line without a terminal.
func (s *state) plain(now time.Time) string {
	parts := []string{s.counted(), s.measure()}
	if s.losses {
		parts = append(parts, fmt.Sprintf("lr %.3g", s.lr))
	}
	parts = append(parts, s.speed(), s.troubles())
	if s.done < s.total {
		parts = append(parts, s.remaining(now))
	}
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return s.title() + ": " + strings.Join(kept, ", ")
}
