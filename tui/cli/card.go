package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/core/sheet"
	"detnas/nas"
)

// maxEval bounds the JSON of eval: 65,536 classes take half of it.
const maxEval = 16 << 20

func (a *App) cardCommand() *cobra.Command {
	var out, runs, figures string
	var force bool
	cmd := &cobra.Command{
		Use: "card RUN", Short: "Write a model card of a run: what it found, at what cost, from what",
		Long: `Write a model card of a run in Markdown: the subnet, its costs in every count, the data,
the recipe, the seed, the figures and what it was computed with.

A run keeps no figures of single classes. --eval takes them from the JSON that
detnas eval RUN --json prints.`,
		Example: "  detnas card small-20261125-101112 -o CARD.md\n" +
			"  detnas eval small-20261125-101112 --json > eval.json\n  detnas card small-20261125-101112 --eval eval.json -o CARD.md",
		Args: exactly(1, "a run: its folder or its name under --runs"),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			if out != "" {
				if err := mayWrite(out, force, figures); err != nil {
					return err
				}
			}
			f, err := run.Find(runs, args[0])
			if err != nil {
				return err
			}
			c, err := readCard(f, figures)
			if err != nil {
				return err
			}
			text, err := c.markdown()
			if err != nil {
				return err
			}
			if out != "" {
				return run.WriteFile(out, []byte(text))
			}
			return a.print("%s", text)
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write instead of printing")
	f.StringVar(&figures, "eval", "", "JSON of detnas eval, with the figures of each class")
	f.StringVar(&runs, "runs", run.DefaultRuns, "folder that holds the runs")
	f.BoolVar(&force, "force", false, "overwrite the file")
	return cmd
}

// card is what a model card is made of.
type card struct {
	name    string
	cfg     *config.Config
	result  run.Result
	state   run.State
	space   nas.Space
	subnet  nas.Subnet
	classes map[string]string // names by id
	perID   map[string]map[string]float64
}

// readCard reads a run and, where it is named, the JSON of eval.
func readCard(f *run.Folder, figures string) (*card, error) {
	c := &card{name: f.Name()}
	var err error
	if c.result, err = f.ReadResult(); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run %s has no result yet: it is written after each step", f.Name())
	}
	if err != nil {
		return nil, err
	}
	if c.result.Subnet == "" {
		return nil, fmt.Errorf("run %s has no subnet yet; a card is of what a search has found", f.Name())
	}
	if c.state, err = f.Status(); err != nil {
		return nil, err
	}
	if c.cfg, err = config.Load(f.Config(), nil); err != nil {
		return nil, err
	}
	if c.space, err = c.cfg.Space.NAS(1000); err != nil {
		return nil, err
	}
	if c.subnet, err = nas.ParseSubnet(c.result.Subnet, c.space); err != nil {
		return nil, err
	}
	if figures == "" {
		return c, nil
	}
	return c, c.readClasses(f, figures)
}

// readClasses reads the figures of each class, and the classes' names in the run's last
// checkpoint.
func (c *card) readClasses(f *run.Folder, figures string) error {
	text, err := input.File(figures, maxEval)
	if err != nil {
		return fmt.Errorf("--eval: %w", err)
	}
	var e struct {
		Per map[string]map[string]float64 `json:"per_category"`
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("--eval %s: it is no JSON of detnas eval: %w", input.Line(figures), input.Plain(err))
	}
	if len(e.Per) == 0 {
		return fmt.Errorf("--eval %s: it has no per_category, as the JSON of detnas eval has", input.Line(figures))
	}
	c.perID, c.classes = e.Per, map[string]string{}
	path, err := detectorCheckpoint("card", "", f.Dir())
	if err != nil {
		return err
	}
	last, err := run.ReadCheckpoint(path)
	if err != nil {
		return err
	}
	var classes []struct {
		ID   int64
		Name string
	}
	if err := json.Unmarshal([]byte(last.Meta["classes"]), &classes); err != nil {
		return fmt.Errorf("checkpoint %s: its classes cannot be read: %w", input.Line(path), input.Plain(err))
	}
	for _, k := range classes {
		c.classes[strconv.FormatInt(k.ID, 10)] = k.Name
	}
	return nil
}

// markdown is the card.
func (c *card) markdown() (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nA backbone for object detectors, found by DetNAS (Chen et al., 2019) with detnas", cell(c.name))
	if c.state.Started != nil {
		fmt.Fprintf(&b, " %s", cell(c.state.Started.Version))
	}
	fmt.Fprintf(&b, ".\n\n## Subnet\n\n`%s` in the space %s, layout %s, with a stem of %d channels.\n\n", c.subnet.Short(c.space), c.space.Name, c.space.Layout, c.space.Stem)
	c.stages(&b)
	if err := c.costs(&b); err != nil {
		return "", err
	}
	c.figures(&b)
	c.data(&b)
	c.recipe(&b)
	c.environment(&b)
	return b.String(), nil
}

// cell is a text as a cell of a table may hold it: on one line, with no signs of
// Markdown or HTML.
func cell(text string) string {
	var b strings.Builder
	for _, r := range input.Line(text) {
		if strings.ContainsRune("\\`*_{}[]<>()#+!|~&$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// table writes a table of Markdown; its cells are escaped already.
func table(b *strings.Builder, rows ...[]string) {
	for i, r := range rows {
		b.WriteString("| " + strings.Join(r, " | ") + " |\n")
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(r)) + "|\n")
		}
	}
	b.WriteByte('\n')
}

// stages draws the subnet from the image on, and has a row for each stage.
func (c *card) stages(b *strings.Builder) {
	rows := [][]string{{"stage", "stride", "channels", "blocks"}}
	at := 0
	b.WriteString("```text\nimage -> (3x3)\n")
	for i, depth := range c.space.Depths {
		names := make([]string, depth)
		for j := range names {
			names[j] = c.subnet[at+j].String()
		}
		at += depth
		rows = append(rows, []string{fmt.Sprintf("C%d", i+2), strconv.Itoa(c.space.StageStrides()[i]), strconv.Itoa(c.space.Widths[i]), strings.Join(names, ", ")})
		fmt.Fprintf(b, "   C%d -> [%s]\n", i+2, strings.Join(names, "]-["))
	}
	b.WriteString("```\n\n")
	table(b, rows...)
}

// costs has the subnet's costs at the size of ImageNet and at that of the search.
func (c *card) costs(b *strings.Builder) error {
	b.WriteString("## Cost\n\n")
	sizes := []int{224}
	if s := c.cfg.Search.InputSize; s != 224 {
		sizes = append(sizes, s)
	}
	rows := [][]string{
		{"count"},
		{"parameters, backbone"},
		{"parameters, classifier"},
		{"conv MACs, backbone"},
		{"conv + ReLU, backbone"},
		{"conv + ReLU + BN, backbone"},
		{"conv MACs, classifier"},
		{"mmcv's FLOPs, classifier"},
	}
	for _, side := range sizes {
		s, err := nas.Summarise(c.space, c.subnet, nas.Square(side))
		if err != nil {
			return fmt.Errorf("counting %s: %w", c.subnet.Short(c.space), err)
		}
		rows[0] = append(rows[0], fmt.Sprintf("%dx%d px", side, side))
		for i, n := range []int64{
			s.Body.Params, s.Classifier.Params, s.Body.ConvMACs, s.Body.ConvReLU, s.Body.ConvReLUBN, s.Classifier.ConvMACs, s.Classifier.MMCVFlops,
		} {
			rows[i+1] = append(rows[i+1], thousands(n))
		}
	}
	table(b, rows...)
	b.WriteString("The backbone is the stem and the stages; the classifier has the last convolution and 1000 classes on top, as ImageNet's.\n\n")
	return nil
}

// figures has the detector's figures, those of each class where eval gave them.
func (c *card) figures(b *strings.Builder) {
	b.WriteString("## Figures\n\n")
	if len(c.result.Final) == 0 {
		b.WriteString("None yet: the detector is measured at the end of step 5.\n\n")
		return
	}
	rows := [][]string{{"figure", "value"}}
	known := run.FinalFigures()
	for _, name := range append(known, slices.DeleteFunc(slices.Sorted(maps.Keys(c.result.Final)), func(n string) bool { return slices.Contains(known, n) })...) {
		if v, ok := c.result.Final[name]; ok {
			rows = append(rows, []string{cell(name), share(v)})
		}
	}
	table(b, rows...)
	b.WriteString("Of the detector (" + c.cfg.Detector.Kind + ") that step 5 ended with, by COCO's evaluation from 0 to 1; no objects of a size have no figure.\n\n")
	if len(c.perID) == 0 {
		return
	}
	rows = [][]string{{"class", "AP", "AP50", "AP75"}}
	ids := slices.SortedFunc(maps.Keys(c.perID), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	for _, id := range ids {
		name := c.classes[id]
		if name == "" {
			name = "category " + id
		}
		row := []string{cell(name)}
		for _, f := range []string{"AP", "AP50", "AP75"} {
			row = append(row, share(c.perID[id][f]))
		}
		rows = append(rows, row)
	}
	table(b, rows...)
}

// share is a figure from 0 to 1; COCO's -1 is none.
func share(v float64) string {
	if v < 0 || v != v {
		return "-"
	}
	return fmt.Sprintf("%.4f", v)
}

// data says what the steps were done with.
func (c *card) data(b *strings.Builder) {
	d := c.cfg.Data
	fmt.Fprintf(b, "## Data\n\nDetection: %s. Classification: %s. Normalised by mean %v and std %v.\n\n", cell(d.Detection.Format), cell(d.Classification.Format), d.Mean, d.Std)
	rows := [][]string{{"step", "set", "images", "boxes", "fingerprint"}}
	for _, step := range slices.Sorted(maps.Keys(c.state.Data)) {
		for _, key := range slices.Sorted(maps.Keys(c.state.Data[step])) {
			p := c.state.Data[step][key]
			boxes := "-"
			if p.Boxes > 0 {
				boxes = thousands(int64(p.Boxes))
			}
			rows = append(rows, []string{config.StepName(step), cell(key), thousands(int64(p.Images)), boxes, cell(p.Digest)})
		}
	}
	if len(rows) > 1 {
		table(b, rows...)
	}
}

// recipe says what the steps took and came to, and has the whole config.
func (c *card) recipe(b *strings.Builder) {
	fmt.Fprintf(b, "## Recipe\n\nSeed %d, config %s.\n\n", c.result.Seed, cell(c.result.ConfigHash))
	rows := [][]string{{"step", "took", "figures"}}
	for _, s := range c.result.Steps {
		var told []string
		for _, name := range slices.Sorted(maps.Keys(s.Metrics)) {
			told = append(told, cell(name)+" "+sheet.Number(s.Metrics[name]))
		}
		rows = append(rows, []string{fmt.Sprintf("%d %s", s.Step, cell(s.Name)), duration(s.Seconds), strings.Join(told, ", ")})
	}
	table(b, rows...)
	if c.result.Search.Evaluated > 0 {
		fmt.Fprintf(b, "The search evaluated %s candidates.\n\n", thousands(int64(c.result.Search.Evaluated)))
	}
	lines := strings.Split(strings.TrimRight(c.cfg.Resolved(), "\n"), "\n")
	for i, l := range lines {
		lines[i] = input.Shown(l) // tabs, too, which TOML lets stand
	}
	text := strings.Join(lines, "\n")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	fmt.Fprintf(b, "%stoml\n%s\n%s\n\n", fence, text, fence)
}

// environment says what the run was computed with.
func (c *card) environment(b *strings.Builder) {
	b.WriteString("## Environment\n\n")
	s := c.state.Started
	if s == nil {
		b.WriteString("The journal does not tell.\n")
		return
	}
	jpeg := s.JPEG
	if jpeg == "" {
		jpeg = "not told"
	}
	table(b, []string{"detnas", "device", "threads", "JPEG decoder"}, []string{cell(s.Version), cell(s.Device), strconv.Itoa(s.Threads), cell(jpeg)})
	b.WriteString("As the run began; a resumed one may have gone on elsewhere.\n")
}
