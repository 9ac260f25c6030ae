package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"detnas/core/input"
	"detnas/detector/cocoeval"
)

func (a *App) evalCommand() *cobra.Command {
	var gtPath, dtPath, root, split string
	var asJSON bool
	cmd := &cobra.Command{
		Use: "eval --gt GT.json --dt DT.json", Short: "Compute COCO's or VOC's figures for detections",
		Long: `Compute COCO's 12 figures, and AP of each category, for a file of detections.
They are those of pycocotools.

With --voc, compute VOC's mean average precision at an overlap of 0.5, as in 2007
and as from 2010 on, and that of each class, for a folder of result files of VOC's
development kit, such as comp4_det_test_car.txt.`,
		Example: "  detnas eval --gt instances_val2017.json --dt detections.json\n" +
			"  detnas eval --voc VOCdevkit --split VOC2007/test --dt results/VOC2007/Main",
		Args: exactly(0, ""),
		RunE: failing(func(*cobra.Command, []string) error {
			switch {
			case root != "":
				return a.evalVOC(root, split, dtPath, asJSON)
			case split != "":
				return usage("--split is for --voc; a COCO annotation file is one split")
			}
			gt, dts, err := cocoeval.ReadFiles(gtPath, dtPath)
			if err != nil {
				return err
			}
			r, err := cocoeval.Evaluate(gt, dts, cocoeval.Options{ZeroIDUnmatched: true})
			if err != nil {
				return fmt.Errorf("evaluating %s against %s: %w", input.Line(dtPath), input.Line(gtPath), err)
			}
			if asJSON {
				return a.printJSON(r)
			}
			return a.print("%s", evalText(r, gt.Categories))
		}),
	}
	cmd.Flags().StringVar(&gtPath, "gt", "", "COCO annotation file with the true boxes")
	cmd.Flags().StringVar(&root, "voc", "", "folder with the true boxes in VOC's form, instead of --gt")
	cmd.Flags().StringVar(&split, "split", "", "list of images of --voc, such as VOC2007/test (default: every annotation)")
	cmd.Flags().StringVar(&dtPath, "dt", "", "COCO result file with the detections, or folder of VOC's")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.MarkFlagsOneRequired("gt", "voc")
	cmd.MarkFlagsMutuallyExclusive("gt", "voc")
	_ = cmd.MarkFlagRequired("dt") // fails only for a flag that is not there
	return cmd
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
		names[c.ID] = input.Line(c.Name)
	}
	for _, id := range slices.Sorted(maps.Keys(r.PerCategory)) {
		of := r.PerCategory[id]
		_, _ = fmt.Fprintf(w, " %d\t%s\t%0.3f\t%0.3f\n", id, names[id], of.AP, of.AP50)
	}
	_ = w.Flush() // into a Builder
	return b.String()
}
