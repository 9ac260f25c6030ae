package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/dataset/shapes"
	"detnas/tui/progress"
)

func (a *App) dataCommand() *cobra.Command {
	return group(&cobra.Command{Use: "data", Short: "Check data, or draw a synthetic set"}, a.dataCheck(), a.dataShapes())
}

// checkArgs are the flags of data check.
type checkArgs struct {
	format, images, annotations, split, names string
	decode, json                              bool
}

func (a *App) dataCheck() *cobra.Command {
	var c checkArgs
	cmd := &cobra.Command{
		Use: "check [DIR]", Short: "Count what a dataset holds and list every problem in it",
		Long: `Count images, boxes, classes, crowds or difficult objects, and empty images, and
list every problem. A COCO set is --annotations and the folder of its images; a
set in VOC's form is the folder that holds Annotations, JPEGImages and ImageSets,
or VOC2007 and so on with these in them, and a --split of it; a set in YOLO's form
is the folder of labels as --annotations and the --names of the classes; a set of
class folders is the folder that holds them. The exit code is 0 whatever was found;
it is 1 when the set cannot be read at all.`,
		Example: "  detnas data check --annotations train.json --images images\n" +
			"  detnas data check --format voc --dir VOCdevkit --split \"VOC2007/trainval + VOC2012/trainval\"\n" +
			"  detnas data check --format yolo --annotations set/labels --names set/data.yaml\n" +
			"  detnas data check --format folder imagenet/train --decode",
		Args: cobra.MaximumNArgs(1),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if err := c.settle(args); err != nil {
				return err
			}
			r, err := a.check(cmd.Context(), c)
			if err != nil {
				return err
			}
			if c.json {
				return a.printJSON(r)
			}
			return a.print("%s", r.Text())
		}),
	}
	f := cmd.Flags()
	f.StringVar(&c.format, "format", "", "coco, voc, yolo or folder (default: yolo with --names, coco with --annotations, voc with --split, else folder)")
	f.StringVar(&c.images, "images", "", "folder of the images")
	f.StringVar(&c.images, "dir", "", "the same, as the folder of class folders or of a set in VOC's form is called")
	f.StringVar(&c.annotations, "annotations", "", "COCO annotation file, or folder of YOLO's labels")
	f.StringVar(&c.split, "split", "", "list of images in VOC's form, such as VOC2007/trainval, or several joined by + (default: every annotation)")
	f.StringVar(&c.names, "names", "", "names of YOLO's classes: data.yaml, or a text file with a name a line")
	f.BoolVar(&c.decode, "decode", false, "read every image whole, to find the broken ones")
	f.BoolVar(&c.json, "json", false, "print JSON")
	cmd.MarkFlagsMutuallyExclusive("images", "dir")
	return cmd
}

// settle completes the flags, or says what does not go together.
func (c *checkArgs) settle(args []string) error {
	if len(args) == 1 {
		if c.images != "" {
			return usage("the folder is given twice, as %s and as %s", c.images, args[0])
		}
		c.images = args[0]
	}
	if c.format == "" {
		c.format = config.FormatFolder
		switch {
		case c.names != "":
			c.format = config.FormatYOLO
		case c.split != "":
			c.format = config.FormatVOC
		case c.annotations != "" || strings.HasSuffix(c.images, ".json"):
			c.format = config.FormatCOCO
		}
	}
	switch {
	case !slices.Contains([]string{config.FormatCOCO, config.FormatVOC, config.FormatYOLO, config.FormatFolder}, c.format):
		return usage("--format %s is not known; use coco, voc, yolo or folder", c.format)
	case c.format != config.FormatYOLO && c.names != "":
		return usage("--names is for sets in YOLO's form; leave it out, or use --format yolo")
	case c.format == config.FormatYOLO && (c.annotations == "" || c.names == ""):
		return usage("a set in YOLO's form wants --annotations DIR, the folder of labels, and --names FILE, the classes' names")
	case c.format != config.FormatVOC && c.split != "":
		return usage("--split is for sets in VOC's form; leave it out, or use --format voc")
	case c.format == config.FormatVOC && c.annotations != "":
		return usage("a set in VOC's form has no --annotations; name its lists of images with --split")
	case c.format == config.FormatVOC && c.images == "":
		return usage("a set in VOC's form wants --dir DIR, the folder that holds VOC2007 and so on, or Annotations itself")
	case c.format == config.FormatCOCO && c.annotations == "" && strings.HasSuffix(c.images, ".json"):
		c.annotations, c.images = c.images, ""
	case c.format == config.FormatCOCO && c.annotations == "":
		return usage("a COCO set wants --annotations FILE, and --images DIR unless the images lie beside it")
	case c.format == config.FormatFolder && c.annotations != "":
		return usage("class folders have no --annotations; leave it out, or use --format coco")
	case c.format == config.FormatFolder && c.images == "":
		return usage("nothing to check; give --annotations FILE --images DIR, or a folder of class folders")
	}
	return nil
}

func (a *App) check(ctx context.Context, c checkArgs) (*dataset.Report, error) {
	ctx, stop := gracefully(ctx)
	defer stop()
	counter := a.counter("decoding images")
	defer counter.Close()
	opts := dataset.CheckOptions{Images: c.decode, Workers: runtime.GOMAXPROCS(0), Progress: counter.Set}
	switch c.format {
	case config.FormatFolder:
		return dataset.CheckFolder(ctx, c.images, opts)
	case config.FormatYOLO:
		return dataset.CheckYOLO(ctx, c.annotations, c.images, c.names, opts)
	case config.FormatVOC:
		return dataset.CheckVOC(ctx, c.images, c.split, opts)
	}
	return dataset.CheckCOCO(ctx, c.annotations, c.images, opts)
}

// counter counts on the terminal that errors go to, if it is one.
func (a *App) counter(label string) *progress.Counter {
	var out io.Writer
	if s := screenOf(a.Err); s.live() {
		out = s.file
	}
	return progress.NewCounter(out, label)
}

func (a *App) dataShapes() *cobra.Command {
	c := shapes.Default()
	cmd := &cobra.Command{
		Use: "shapes OUT", Short: "Draw a synthetic detection set, and class folders of the same shapes",
		Long: "Draw a synthetic detection set as COCO JSON with its images, and class folders of the same shapes, into the folder OUT.\n" +
			"The same flags give the same set to the byte. A set that is there and was drawn so is left as it is.",
		Args: exactly(1, "a folder to draw into"),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if err := c.Validate(); err != nil {
				return usage("%v", err)
			}
			ctx, stop := gracefully(cmd.Context())
			defer stop()
			counter := a.counter("drawing images")
			defer counter.Close()
			p, err := shapes.Ensure(ctx, args[0], c, counter.Set)
			if err != nil {
				return err
			}
			counter.Close()
			return a.print("%s", progress.Table([]progress.Row{
				{Label: "images", Value: fmt.Sprintf("%d for detection, %d for classification", c.Train+c.Val+c.Test, c.Classes*(c.PerClassTrain+c.PerClassVal))},
				{Label: "data.detection.train", Value: p.Train},
				{Label: "data.detection.val", Value: p.Val},
				{Label: "data.detection.test", Value: p.Test},
				{Label: "data.detection.images", Value: p.Images},
				{Label: "data.classification.train", Value: p.ClassTrain},
				{Label: "data.classification.val", Value: p.ClassVal},
			}, 0, screenOf(a.Out).colour()))
		}),
	}
	f := cmd.Flags()
	f.Uint64Var(&c.Seed, "seed", c.Seed, "root of every draw")
	for _, flag := range []struct {
		value       *int
		name, about string
	}{
		{&c.Classes, "classes", fmt.Sprintf("kinds of shape, up to %d", len(shapes.ClassNames()))},
		{&c.Train, "train", "detection images to train on"},
		{&c.Val, "val", "detection images to validate on"},
		{&c.Test, "test", "detection images to test on"},
		{&c.Width, "width", "of a detection image, in pixels"},
		{&c.Height, "height", "of a detection image, in pixels"},
		{&c.MaxObjects, "max-objects", "most objects in a detection image"},
		{&c.PerClassTrain, "per-class-train", "classification images of a class to train on"},
		{&c.PerClassVal, "per-class-val", "classification images of a class to validate on"},
		{&c.ClassSize, "class-size", "side of a classification image, in pixels"},
	} {
		f.IntVar(flag.value, flag.name, *flag.value, flag.about)
	}
	return cmd
}
