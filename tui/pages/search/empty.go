package search

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/components/text"
)

// empty says why there is nothing to show yet and what will be here; nil when
// there is something.
func (p *Page) empty() []string {
	st := &p.run.History.State
	if len(st.Candidates) > 0 || len(p.waiting()) > 0 {
		return nil
	}
	s := p.common.Styles
	lines := []string{"", "  " + s.Bold.Render(p.why())}
	about := "The search is step 3. Here will be: the candidates with score and cost; score against cost; the generations; and a map of which choice each block takes, on which subnets are built and pinned and choices locked."
	if p.config != nil && p.config.Search.Subnet != "" {
		about = "Page 4 shows that subnet block by block."
	} else if p.config != nil {
		c := p.config.Search
		about += fmt.Sprintf(" The config asks for %d generations of %d candidates.", c.Generations, c.Population)
	}
	lines = append(lines, "")
	for _, l := range wrapped(about, p.width-4) {
		lines = append(lines, "  "+s.Faint.Render(l))
	}
	return append(lines, "", text.Fit(p.foot(), p.width, p.common.Glyphs.Ellipsis))
}

// why says why there is no candidate.
func (p *Page) why() string {
	st := &p.run.History.State
	step := fmt.Sprintf("step %d", st.Step)
	if st.Step >= 1 && st.Step < len(p.run.History.Steps) {
		step += " (" + config.StepName(st.Step) + ")"
	}
	switch {
	case p.config != nil && p.config.Search.Subnet != "":
		return "No search: the config gives the subnet, " + p.config.Search.Subnet + "."
	case st.State == run.StateFailed || st.State == run.StateStopped:
		return fmt.Sprintf("No candidates: the run %s before its search.", map[string]string{run.StateFailed: "failed", run.StateStopped: "was stopped"}[st.State])
	case st.Step == 0:
		return "No candidates yet: the run is being prepared."
	case st.Step < config.StepSearch:
		return "No candidates yet: " + step + " is under way."
	case st.Step == config.StepSearch:
		return "No candidates yet: the first one is being evaluated."
	}
	return "No candidates: this run began after the search, at " + step + "."
}

// wrapped breaks a text into lines of at most width columns.
func wrapped(words string, width int) []string {
	return strings.Split(ansi.Wrap(words, max(width, 1), ""), "\n")
}
