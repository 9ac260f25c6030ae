package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"detnas/core/input"
	"detnas/core/run"
	"detnas/detector/cocoeval"
)

// evalArgs are the flags of eval.
type evalArgs struct {
	gt, images, dt, voc, split, runs, curves string
	device                                   string
	threads                                  int
	json                                     bool
}

func (a *App) evalCommand() *cobra.Command {
	var e evalArgs
	cmd := &cobra.Command{
		Use: "eval [RUN|CHECKPOINT]", Short: "Compute COCO's or VOC's figures of a detector, or of a file of detections",
		Long: `Compute COCO's 12 figures, and AP of each category. They are those of pycocotools.

Of the detector that a run ended with, or that of a checkpoint of step 5: on the
images of the run's final figures, on another --split of its config, or on any set
that --gt and --images give. On data in VOC's form VOC's figures stand below.

Of a file of detections with --gt and --dt; or, with --voc, VOC's mean average
precision at an overlap of 0.5, as in 2007 and as from 2010 on, and that of each
class, for a folder of result files of VOC's development kit, such as
comp4_det_test_car.txt.

With --curves a PNG of the precision over the recall is drawn for each category.`,
		Example: "  detnas eval small-20261125-101112 --curves curves\n" +
			"  detnas eval --gt instances_val2017.json --dt detections.json\n" +
			"  detnas eval --voc VOCdevkit --split VOC2007/test --dt results/VOC2007/Main",
		Args: cobra.MaximumNArgs(1),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if err := e.check(len(args) == 1); err != nil {
				return err
			}
			switch {
			case len(args) == 1:
				ctx, stop := gracefully(cmd.Context())
				defer stop()
				return a.evalRun(ctx, args[0], e)
			case e.voc != "":
				return a.evalVOC(e.voc, e.split, e.dt, e.json)
			}
			return a.evalFiles(e)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&e.gt, "gt", "", "COCO annotation file with the true boxes")
	f.StringVar(&e.images, "images", "", "folder of the images of --gt, for RUN or CHECKPOINT")
	f.StringVar(&e.dt, "dt", "", "COCO result file with the detections, or folder of VOC's")
	f.StringVar(&e.voc, "voc", "", "folder with the true boxes in VOC's form, instead of --gt")
	f.StringVar(&e.split, "split", "", "train, val or test of the run; or a list of images of --voc, such as VOC2007/test (default: every annotation)")
	f.StringVar(&e.curves, "curves", "", "folder for pictures of precision over recall")
	f.StringVar(&e.runs, "runs", run.DefaultRuns, "folder that holds the runs")
	f.StringVar(&e.device, "device", "auto", "auto, cpu, cuda or cuda:N")
	f.IntVar(&e.threads, "threads", 0, "threads to compute with; 0: all cores")
	f.BoolVar(&e.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("gt", "voc")
	cmd.MarkFlagsMutuallyExclusive("images", "voc")
	cmd.MarkFlagsMutuallyExclusive("curves", "voc")
	return cmd
}

// check says which flags do not go together.
func (e evalArgs) check(detector bool) error {
	switch {
	case e.threads < 0:
		return usage("--threads is not negative")
	case detector && (e.dt != "" || e.voc != ""):
		return usage("a run or checkpoint finds by itself: leave out --dt and --voc, or the argument")
	case detector && e.split != "" && e.split != "train" && e.split != "val" && e.split != "test":
		return usage("--split of a run is train, val or test, not %s", e.split)
	case detector && e.split != "" && e.gt != "":
		return usage("--gt gives the images; leave out --split")
	case detector && e.images != "" && e.gt == "":
		return usage("--images is the folder of the images of --gt; give that, too")
	case detector:
		return nil
	case e.gt == "" && e.voc == "":
		return usage("nothing to evaluate: give a run or a checkpoint, or --gt and --dt, or --voc and --dt")
	case e.dt == "":
		return usage("--dt is missing: the file of detections, or the folder of VOC's")
	case e.images != "":
		return usage("--images is for a run or a checkpoint, which looks at them")
	case e.voc == "" && e.split != "":
		return usage("--split is for --voc; a COCO annotation file is one split")
	}
	return nil
}

// evalFiles measures a file of detections.
func (a *App) evalFiles(e evalArgs) error {
	gt, dts, err := cocoeval.ReadFiles(e.gt, e.dt)
	if err != nil {
		return err
	}
	if err := e.readyCurves(); err != nil {
		return err
	}
	r, err := measured(gt, dts, cocoeval.Options{ZeroIDUnmatched: true}, e)
	if err != nil {
		return fmt.Errorf("evaluating %s against %s: %w", input.Line(e.dt), input.Line(e.gt), err)
	}
	return a.tellFigures(r, gt, e)
}

// measured is the figures of detections. Their curves are drawn if they are asked
// for.
func measured(gt *cocoeval.GroundTruth, dts []cocoeval.Detection, opts cocoeval.Options, e evalArgs) (*cocoeval.Result, error) {
	r, err := cocoeval.Evaluate(gt, dts, opts)
	if err != nil || e.curves == "" {
		return r, err
	}
	curves, err := cocoeval.Curves(gt, dts, opts)
	if err != nil {
		return nil, err
	}
	return r, drawCurves(e.curves, curves, r, gt.Categories)
}

// tellFigures prints COCO's figures.
func (a *App) tellFigures(r *cocoeval.Result, gt *cocoeval.GroundTruth, e evalArgs) error {
	if e.json {
		return a.printJSON(r)
	}
	return a.print("%s", evalText(r, gt.Categories))
}

// evalText is pycocotools' summary, and a table of the categories below it.
func evalText(r *cocoeval.Result, categories []cocoeval.Category) string {
	var b strings.Builder
	for _, f := range []struct {
		what, iou, area string
		dets            int
		value           float64
	}{
		{"Average Precision  (AP)", "0.50:0.95", "all", 100, r.AP},
		{"Average Precision  (AP)", "0.50", "all", 100, r.AP50},
		{"Average Precision  (AP)", "0.75", "all", 100, r.AP75},
		{"Average Precision  (AP)", "0.50:0.95", "small", 100, r.APs},
		{"Average Precision  (AP)", "0.50:0.95", "medium", 100, r.APm},
		{"Average Precision  (AP)", "0.50:0.95", "large", 100, r.APl},
		{"Average Recall     (AR)", "0.50:0.95", "all", 1, r.AR1},
		{"Average Recall     (AR)", "0.50:0.95", "all", 10, r.AR10},
		{"Average Recall     (AR)", "0.50:0.95", "all", 100, r.AR100},
		{"Average Recall     (AR)", "0.50:0.95", "small", 100, r.ARs},
		{"Average Recall     (AR)", "0.50:0.95", "medium", 100, r.ARm},
		{"Average Recall     (AR)", "0.50:0.95", "large", 100, r.ARl},
	} {
		fmt.Fprintf(&b, " %s @[ IoU=%-9s | area=%6s | maxDets=%3d ] = %0.3f\n", f.what, f.iou, f.area, f.dets, f.value)
	}
	if len(categories) == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, " id\tcategory\tAP\tAP50")
	names := map[int]string{} // of an id that is there twice the last, as in pycocotools
	for _, c := range categories {
		names[c.ID] = shortName(c.Name)
	}
	for _, id := range slices.Sorted(maps.Keys(r.PerCategory)) {
		of := r.PerCategory[id]
		_, _ = fmt.Fprintf(w, " %d\t%s\t%0.3f\t%0.3f\n", id, names[id], of.AP, of.AP50)
	}
	_ = w.Flush() // into a Builder
	return b.String()
}
