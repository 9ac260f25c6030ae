package subnet

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/charts"
	"detnas/tui/components/text"
	"detnas/tui/follow"
)

// found is what is shown of what was found: after the subnet's own training
// where that is kept.
func (p *Page) found() (run.Preview, bool) {
	all := p.preview.Found
	switch {
	case len(all) == 0:
		return run.Preview{}, false
	case p.earlier:
		return all[len(all)-1], true
	}
	return all[0], true
}

// weights say with which weights a preview was made. Images that were held out
// of the supernet's training are not held out of the subnet's own.
func (p *Page) weights(found run.Preview) string {
	switch {
	case found.Step != config.StepSubnetFinetune:
		return "with the supernet's weights"
	case p.config != nil && p.config.Data.Detection.GuideHeldOut():
		return "after its own training, on these images too"
	}
	return "after its own training"
}

// drawDetections draws one image twice: with what is in it, and with what was
// found.
func (p *Page) drawDetections(width, height int) string {
	s, g := p.common.Styles, p.common.Glyphs
	if len(p.preview.Pictures) == 0 {
		return text.Block(p.missing(width), width, height, g.Ellipsis)
	}
	picture := p.preview.Pictures[min(p.image, len(p.preview.Pictures)-1)]
	found, ok := p.found()
	boxes := above(found.Found[picture.ID], p.threshold)
	m := pair(picture.Boxes, boxes)
	file := fmt.Sprintf("%s, %dx%d px", text.Clean(filepath.Base(picture.Path)), picture.Width, picture.Height)
	about := s.Warn.Render(p.nothingFound())
	if ok {
		file += fmt.Sprintf("; %d of %d boxes from score %.2f on", len(boxes), len(found.Found[picture.ID]), p.threshold)
		about = s.Faint.Render(p.weights(found))
	}
	lines := []string{" " + s.Text.Render(file), " " + about}
	tail := p.list(boxes, m, width)
	room := height - len(lines) - len(tail)
	if picture.Image == nil {
		why := text.Clean(picture.Err.Error())
		if errors.Is(picture.Err, os.ErrNotExist) {
			why = "the image's file has gone: " + text.Clean(picture.Path)
		}
		for l := range strings.SplitSeq(ansi.Wrap(why, max(width-2, 1), "/"), "\n") {
			lines = append(lines, " "+s.Bad.Render(l))
		}
		return text.Block(append(lines, tail...), width, height, g.Ellipsis)
	}
	if room < 4 {
		return text.Block(append(lines, tail...), width, height, g.Ellipsis)
	}
	pictures := strings.Split(p.pictures(picture, boxes, m, width, room), "\n")
	return text.Block(append(append(lines, pictures...), tail...), width, height, g.Ellipsis)
}

// pictures draws both, side by side or one below the other, as is larger.
func (p *Page) pictures(picture follow.Picture, boxes []run.PreviewBox, m matching, width, height int) string {
	s := p.common.Styles
	scale := picture.Scale()
	truth := fmt.Sprintf("truth: %d, dashed not found", len(picture.Boxes))
	found := fmt.Sprintf("found: %d, dashed wrong", len(boxes))
	if _, ok := p.found(); !ok {
		truth, found = fmt.Sprintf("truth: %d", len(picture.Boxes)), "found: not known"
		for i := range m.truth {
			m.truth[i] = true
		}
	}
	frames := func(list []run.PreviewBox, hit []bool, scores bool) []charts.Frame {
		out := make([]charts.Frame, len(list))
		for i, b := range list {
			label := p.class(b.Label)
			if scores {
				label += fmt.Sprintf(" %.2f", b.Score)
			}
			out[i] = charts.Frame{
				X: b.Box[0] * scale, Y: b.Box[1] * scale, Width: b.Box[2] * scale, Height: b.Box[3] * scale,
				Style: b.Label, Label: label, Dashed: !hit[i],
			}
		}
		return out
	}
	draw := func(words string, list []charts.Frame, w, h int) string {
		return s.Bold.Render(text.Fit(" "+words, w, p.common.Glyphs.Ellipsis)) + "\n" + charts.Picture(p.look(), picture.Image, list, w, h-1)
	}
	a, b := frames(picture.Boxes, m.truth, false), frames(boxes, m.found, true)
	bounds := picture.Image.Bounds()
	size := func(w, h int) float64 {
		return min(float64(w)/float64(bounds.Dx()), 2*float64(h-1)/float64(bounds.Dy()))
	}
	half := (width - 1) / 2
	if height < 8 || size(half, height) >= size(width, height/2) {
		return text.Beside(text.Spaces(width-2*half), draw(truth, a, half, height), draw(found, b, half, height))
	}
	return draw(truth, a, width, height/2) + "\n" + draw(found, b, width, height-height/2)
}

// class is a label's name.
func (p *Page) class(label int) string {
	if label < 0 || label >= len(p.preview.Classes) {
		return fmt.Sprintf("class %d", label)
	}
	return text.Clean(p.preview.Classes[label])
}

// mostListed is the lines of the list of what was found.
const mostListed = 2

// list are what was found in words.
func (p *Page) list(boxes []run.PreviewBox, m matching, width int) []string {
	s := p.common.Styles
	var words []string
	for i, b := range boxes {
		word := fmt.Sprintf("%s %.2f", p.class(b.Label), b.Score)
		if !m.found[i] {
			word += " (wrong)"
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return []string{""}
	}
	lines := strings.Split(ansi.Wrap(strings.Join(words, ", "), max(width-2, 1), ""), "\n")
	if len(lines) > mostListed {
		lines = append(lines[:mostListed-1], strings.TrimSpace(lines[mostListed-1])+" "+p.common.Glyphs.Ellipsis)
	}
	for i, l := range lines {
		lines[i] = " " + s.Text.Render(l)
	}
	return lines
}

// nothingFound says why there is nothing to show of what was found.
func (p *Page) nothingFound() string {
	_, evaluated := p.ranking.Find(p.subnet.short)
	switch err := p.preview.Err; {
	case p.preview.Subnet != p.subnet.short:
		return "reading what it found"
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return text.Clean(err.Error())
	case evaluated:
		return "what this candidate found was not kept"
	}
	return "not evaluated yet, so nothing is found; P pins it"
}

// missing says why there are no pictures.
func (p *Page) missing(width int) []string {
	s := p.common.Styles
	st := &p.run.History.State
	var why string
	switch err := p.preview.Err; {
	case p.preview.Subnet != p.subnet.short:
		return []string{"", " " + s.Faint.Render("reading the images")}
	case err != nil && !errors.Is(err, os.ErrNotExist):
		why = text.Clean(err.Error())
	case st.Step < config.StepSearch:
		why = "No detections yet: they are kept from the search, step 3, on."
	case len(st.Candidates) == 0:
		why = "No detections yet: the first candidate is being evaluated."
	default:
		why = "No detections: they are kept from the search on, and this run's search kept none. It was made by an older program, or without images to guide it."
	}
	lines := []string{""}
	for l := range strings.SplitSeq(ansi.Wrap(why, max(width-2, 1), ""), "\n") {
		lines = append(lines, " "+s.Faint.Render(l))
	}
	return lines
}
