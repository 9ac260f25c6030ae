package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/detector/cocoeval"
	"detnas/detector/voceval"
)

// vocFigures is what eval --voc prints as JSON.
type vocFigures struct {
	MAP07       float64              `json:"mAP07"`
	MAP         float64              `json:"mAP"`
	PerCategory map[string]vocFigure `json:"per_category"`
}

type vocFigure struct {
	AP07    float64 `json:"AP07"`
	AP      float64 `json:"AP"`
	Objects int     `json:"objects"`
}

// evalVOC measures result files of VOC's development kit. Faults of the ground truth
// are passed over as they are in a run, and counted on stderr.
func (a *App) evalVOC(root, split, results string, asJSON bool) error {
	set, problems, err := dataset.OpenVOC(root, split, dataset.VOCOptions{})
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		a.warn("%d problems in the ground truth; detnas data check --format voc lists them", len(problems))
	}
	set = set.Present()
	found, err := voceval.ReadDetections(results, set)
	if err != nil {
		return err
	}
	r, err := voceval.Evaluate(cocoeval.FromSet(set), found)
	if err != nil {
		return fmt.Errorf("evaluating %s against %s: %w", input.Line(results), input.Line(set.Source), err)
	}
	if !asJSON {
		return a.print("%s", vocText(r, set.Categories))
	}
	return a.printJSON(vocFigures{r.MAP07, r.MAP, vocClasses(r, set.Categories)})
}

// vocClasses are VOC's figures by class.
func vocClasses(r *voceval.Result, categories []dataset.Category) map[string]vocFigure {
	out := map[string]vocFigure{}
	for _, c := range categories {
		out[c.Name] = vocFigure(r.PerCategory[int(c.ID)])
	}
	return out
}

// vocText is a table of the classes with the means below it.
func vocText(r *voceval.Result, categories []dataset.Category) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, " class\tobjects\tAP 2007\tAP")
	for _, c := range categories {
		of := r.PerCategory[int(c.ID)]
		_, _ = fmt.Fprintf(w, " %s\t%d\t%0.3f\t%0.3f\n", shortName(c.Name), of.Objects, of.AP07, of.AP)
	}
	_, _ = fmt.Fprintf(w, " mean\t\t%0.3f\t%0.3f\n", r.MAP07, r.MAP)
	_ = w.Flush() // into a Builder
	return b.String()
}
