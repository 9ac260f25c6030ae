package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/core/steer"
	"detnas/tui/components/text"
	"detnas/tui/styles"
)

const (
	headHeight = 1
	// sideFrom is the width from which the changes stand beside the text, in
	// sideWidth columns.
	sideFrom     = 118
	formSideFrom = 150
	sideWidth    = 46
)

// footHeight is the lines below the text: what is wrong or what the key is, and
// what changes.
func (p *Page) footHeight() int {
	if p.height < 8 || p.asForm && !p.saving && !p.listing {
		return 1 // the form says itself what a key is
	}
	return 2
}

func (p *Page) bodyHeight() int { return max(0, p.height-headHeight-p.footHeight()) }

// beside reports whether the changes stand beside the text, or, where it keeps
// its list of tables, beside the form.
func (p *Page) beside() bool {
	from := sideFrom
	if p.asForm {
		from = formSideFrom
	}
	return p.width >= from && len(p.doc.changes) > 0
}

func (p *Page) bodyWidth() int {
	if p.beside() {
		return p.width - sideWidth
	}
	return p.width
}

func (p *Page) inBody(x, y int) bool {
	return x >= 0 && x < p.bodyWidth() && y >= 0 && y < p.bodyHeight()
}

// View is the page: height lines of exactly width columns.
func (p *Page) View() string {
	if p.doc == nil {
		return text.Block(p.presets(), p.width, p.height, p.common.Glyphs.Ellipsis)
	}
	p.place() // changes may stand beside the text by now, or no longer
	lines := []string{p.head()}
	switch {
	case p.saving:
		lines = append(lines, p.effects(p.effectHeight(), p.width)...)
		lines = append(lines, strings.Split(p.diff.View(), "\n")...)
	case p.listing:
		lines = append(lines, p.effects(p.bodyHeight(), p.width)...)
	default:
		lines = append(lines, strings.Split(p.body(), "\n")...)
	}
	lines = append(lines[:min(len(lines), max(0, p.height-p.footHeight()))], p.foot()...)
	return text.Block(lines, p.width, p.height, p.common.Glyphs.Ellipsis)
}

// body is the text or the form, with the changes beside it.
func (p *Page) body() string {
	view := p.doc.editor.View
	if p.asForm {
		view = p.form.View
	}
	if !p.beside() {
		return view()
	}
	s, g := p.common.Styles, p.common.Glyphs
	side := p.effects(p.bodyHeight(), sideWidth-2)
	for i := range side {
		side[i] = s.Border.Render(g.Vertical) + " " + text.Fit(side[i], sideWidth-2, g.Ellipsis)
	}
	return text.Beside("", view(), strings.Join(side, "\n"))
}

// presets is the list of presets, while nothing is open.
func (p *Page) presets() []string {
	s, g := p.common.Styles, p.common.Glyphs
	lines := []string{s.Bold.Render(" Open a preset") + s.Faint.Render("  or open a run: its config is here then"), ""}
	for i, name := range config.Presets() {
		if i == p.at {
			lines = append(lines, " "+g.Pointer+" "+s.Selected.Render(name))
		} else {
			lines = append(lines, "   "+s.Text.Render(name))
		}
	}
	return lines
}

// head names the document, says how it is shown, and counts.
func (p *Page) head() string {
	s, g, d := p.common.Styles, p.common.Glyphs, p.doc
	title := " " + s.Bold.Render(p.sayable(d.title()))
	if d.dirty() {
		title += s.Accent.Render(" *")
	}
	mode := "text"
	switch {
	case p.saving:
		mode = "save this?"
	case p.listing:
		mode = "changes"
	case p.asForm:
		mode = "form"
	case p.typing:
		mode = "typing, Esc ends it"
	}
	left := title + s.Faint.Render("  "+mode)
	if n := len(d.changes); n > 0 {
		left += s.Accent.Render("  ~" + counted(n, "key changes", "keys change"))
	}
	if n := len(d.problems); n > 0 {
		left += s.Bad.Render("  !" + counted(n, "error", "errors"))
	}
	right := ""
	switch {
	case p.saving:
		added, removed := p.diff.Counts()
		right = fmt.Sprintf("+%d -%d ", added, removed)
	case !p.asForm && !p.listing:
		right = fmt.Sprintf("line %d/%d ", d.editor.Line()+1, strings.Count(d.text, "\n")+1)
	}
	return text.Between(left, s.Faint.Render(right), p.width, g.Ellipsis)
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// effectHeight is the lines of the changes above the difference: a third of the
// room at most.
func (p *Page) effectHeight() int {
	return min(2*len(p.doc.changes)+1, p.bodyHeight()/2)
}

// effects list the changes, each with when it acts, in n lines.
func (p *Page) effects(n, width int) []string {
	s, g := p.common.Styles, p.common.Glyphs
	var out []string
	if len(p.doc.changes) == 0 {
		out = append(out, s.Faint.Render(" no value changes: only comments or layout"))
	}
	for i, c := range p.doc.changes {
		lines := p.effectLines(c, width)
		if left := len(p.doc.changes) - i; len(out)+len(lines) > n && (len(out)+1 >= n || left > 1) {
			out = append(out, s.Faint.Render(fmt.Sprintf(" and %d more", left)))
			break
		}
		out = append(out, lines...)
	}
	for len(out) < n {
		out = append(out, "")
	}
	for i := range out {
		out[i] = text.Fit(out[i], width, g.Ellipsis)
	}
	return out[:max(0, n)]
}

// effectLines are one change: the key with its values, and when it acts.
func (p *Page) effectLines(c config.Change, width int) []string {
	s := p.common.Styles
	e := p.doc.effect(c.Key)
	style := s.Accent
	switch e {
	case config.Now:
		style = s.Good
	case config.NewRun:
		style = s.Bad
	}
	values := p.sayable(c.Old) + " -> " + p.sayable(c.New)
	word := style.Render(string(e))
	if width < 80 {
		return []string{
			" " + word + " " + s.Bold.Render(c.Key),
			"   " + values,
			"   " + s.Faint.Render(p.doc.why(c.Key)),
		}
	}
	return []string{
		" " + text.Fit(word, 11, "") + s.Bold.Render(c.Key) + "  " + values,
		"            " + s.Faint.Render(p.doc.why(c.Key)),
	}
}

// sayable is a text of others in the signs that the terminal has.
func (p *Page) sayable(words string) string {
	words = text.Clean(words)
	if p.common.Glyphs.Mode == styles.ASCII {
		return text.Plain(words)
	}
	return words
}

// foot is what is wrong, or what the key is, and where the text stands.
func (p *Page) foot() []string {
	first, second := p.about(), p.standing()
	if p.footHeight() == 1 {
		if first == "" {
			first = second
		}
		return []string{first}
	}
	return []string{first, second}
}

// about is the first error, why the text cannot be saved, or what the key on the
// cursor's line is.
func (p *Page) about() string {
	s, d := p.common.Styles, p.doc
	switch {
	case p.saving:
		if why := p.unsaveable(); why != "" {
			return " " + s.Bad.Render("! "+p.sayable(why))
		}
		return ""
	case len(d.problems) > 0:
		more := ""
		if n := len(d.problems) - 1; n > 0 {
			more = fmt.Sprintf("  (and %d more)", n)
		}
		at := d.problems[0]
		if p.asForm { // the form says itself what is wrong with the key that is selected
			i := slices.IndexFunc(d.problems, func(x config.Problem) bool { return x.Key != p.form.Key() })
			if i < 0 {
				return ""
			}
			at = d.problems[i]
		}
		what := place(at) + at.What
		room := max(0, p.width-4-len(more))
		return " " + s.Bad.Render("! "+ansi.Truncate(p.sayable(what), room, p.common.Glyphs.Ellipsis)+more)
	case p.asForm || p.listing:
		return ""
	}
	key := p.keyHere()
	for _, k := range config.Keys() {
		if k.Path == key {
			return " " + s.Bold.Render(k.Name) + s.Faint.Render(" "+sentence(k))
		}
	}
	return ""
}

// sentence is what a key is, as it follows the key's name.
func sentence(k config.Key) string {
	if rest, ok := strings.CutPrefix(k.Doc, k.Name+" "); ok {
		return rest
	}
	return " " + k.Doc
}

// standing is where the text stands: overtaken, asked for, or what a change of
// the key here does.
func (p *Page) standing() string {
	s, d := p.common.Styles, p.doc
	switch {
	case d.stale:
		return " " + s.Warn.Render("! "+p.sayable(d.title())+" has another text since you began: ctrl+r takes it, saving puts yours in its place")
	case d.run != nil:
		if r, asked := d.run.History.State.Steering.Request(steer.ActConfigure); asked {
			return " " + s.Accent.Render(fmt.Sprintf("a new config is %s by %s", r.Phase, p.sayable(r.Who)))
		}
	}
	if keys := d.refused(); len(keys) > 0 && !p.saving {
		return " " + s.Bad.Render("! this run cannot change "+strings.Join(keys, ", ")) + s.Faint.Render("  r starts a new run from this text")
	}
	if key := p.keyHere(); key != "" && !p.asForm && !p.saving && !p.listing {
		return " " + s.Faint.Render(p.keyStanding(key))
	}
	return ""
}

// keyStanding is what the run has for a key now, and when a change acts.
func (p *Page) keyStanding(key string) string {
	when := p.doc.why(key)
	if strings.HasPrefix(when, "acts") {
		when = "a change " + when
	}
	if live, ok := p.doc.live(key); ok {
		return "the run has " + p.sayable(live) + " now; " + when
	}
	return when
}
