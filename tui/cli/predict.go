package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/dataset"
	"detnas/core/input"
	"detnas/core/run"
	"detnas/detector/cocoeval"
)

// PredictOptions are how images are looked through.
type PredictOptions struct {
	Device  string // "auto", "cpu" or "cuda:N"
	Threads int    // 0: all cores
	Batch   int    // images at once; 0: as many as the run evaluated at once
	// Began is told before any image, once the detector is there, of the classes and
	// of how images are decoded.
	Began func(classes []dataset.Category, decode dataset.DecodeOptions) error
	// Found is told of each image that can be read, in order, with what was found on
	// it from the best down, in px of the file.
	Found func(image dataset.ImageInfo, found []cocoeval.Detection) error
	// Problem is told of each image that cannot be read, in its place.
	Problem func(dataset.Problem)
}

// predictArgs are the flags of predict.
type predictArgs struct {
	out, runs  string
	score      float64
	noPictures bool
	json       bool
	opts       PredictOptions
}

func (a *App) predictCommand() *cobra.Command {
	var p predictArgs
	cmd := &cobra.Command{
		Use: "predict RUN|CHECKPOINT IMAGES...", Short: "Find objects on images with a trained detector",
		Long: `Find objects on images with the detector that a run ended with, or with the one
of a checkpoint of step 5. IMAGES are files, or folders of them.

OUT gets detections.json in COCO's result format with all that was found,
images.json with the images' ids, names and sizes and the categories in COCO's
annotation format, and the folder pictures: each image as a JPEG with boxes, class
names and scores of those with a score of at least --score. Images that cannot be
read are in none of them; they are named, and the exit code is then 1. After Ctrl-C
OUT has what was found until then.`,
		Example: "  detnas predict small-20261125-101112 photos/ -o found\n" +
			"  detnas predict runs/small/checkpoints/step-5-best.safetensors a.jpg b.jpg -o found --score 0.5",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("predict takes a run or a checkpoint, and images: files or folders")
			}
			return nil
		},
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if !(p.score >= 0 && p.score <= 1) || p.opts.Batch < 0 || p.opts.Threads < 0 {
				return usage("--score is from 0 to 1, --batch and --threads are not negative")
			}
			if p.out == "" {
				return usage("-o is empty; name the folder for what is found, . for this one")
			}
			ctx, stop := gracefully(cmd.Context())
			defer stop()
			return a.predict(ctx, args[0], args[1:], p)
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&p.out, "out", "o", "", "folder for what was found; it must not hold anything yet")
	f.StringVar(&p.runs, "runs", run.DefaultRuns, "folder that holds the runs")
	f.Float64Var(&p.score, "score", 0.3, "least score of what is drawn and counted; detections.json has all")
	f.BoolVar(&p.noPictures, "no-pictures", false, "write the JSON files alone")
	f.StringVar(&p.opts.Device, "device", "auto", "auto, cpu, cuda or cuda:N")
	f.IntVar(&p.opts.Threads, "threads", 0, "threads to compute with; 0: all cores")
	f.IntVar(&p.opts.Batch, "batch", 0, "images at once; 0: search.batch of the run, with which alone the results are the run's own to the last digit")
	f.BoolVar(&p.json, "json", false, "print JSON")
	_ = cmd.MarkFlagRequired("out") // fails only for a flag that is not there
	return cmd
}

// detectorCheckpoint is the checkpoint that is meant: a file itself, or what the
// run's step 5 ended with. The command is the one that wants it.
func detectorCheckpoint(command, runs, arg string) (string, error) {
	if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() {
		return arg, nil
	}
	folder, err := run.Find(runs, arg)
	if err != nil {
		return "", err
	}
	path := folder.LastPath(config.StepSubnetFinetune)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	newest, at, _, err := folder.Newest(config.StepSubnetFinetune)
	switch {
	case err != nil:
		return "", err
	case newest != nil:
		return "", fmt.Errorf("run %s has not finished step 5, which makes its detector; its newest checkpoint, of iteration %d, can be named: %s",
			folder.Name(), at.Iteration, input.CommandLine(command, at.Path))
	}
	return "", fmt.Errorf("run %s has no detector yet: step 5 writes it to %s; let the run finish, or name a checkpoint", folder.Name(), path)
}

func (a *App) predict(ctx context.Context, from string, paths []string, p predictArgs) error {
	checkpoint, err := detectorCheckpoint("predict", p.runs, from)
	if err != nil {
		return err
	}
	files, err := dataset.ListImages(paths)
	if err != nil {
		return err
	}
	g, err := newGallery(p.out, p.score, !p.noPictures)
	if err != nil {
		return err
	}
	if err := a.fill(ctx, g, checkpoint, files, p.opts); err != nil {
		return g.broken(err, len(files))
	}
	if err := g.finish(); err != nil {
		return err
	}
	if err := a.tell(g, p); err != nil || g.unread == 0 {
		return err
	}
	return fmt.Errorf("%d of %d images could not be read; what the others hold is in %s", g.unread, len(files), input.Line(p.out))
}

// fill has the detector look through files and keeps in g what it finds.
func (a *App) fill(ctx context.Context, g *gallery, checkpoint string, files []string, opts PredictOptions) error {
	counter := a.counter("images")
	defer counter.Close()
	opts.Began = g.begin
	opts.Problem = func(problem dataset.Problem) {
		counter.Close()
		a.warn("%s", problem)
		g.unread++
	}
	opts.Found = func(image dataset.ImageInfo, found []cocoeval.Detection) error {
		if err := g.add(image, found); err != nil {
			return err
		}
		counter.Set(g.done(), len(files))
		return nil
	}
	return a.Predict(ctx, checkpoint, files, opts)
}

// prediction is what predict prints as JSON.
type prediction struct {
	Images  int            `json:"images"`  // that were looked through
	Unread  int            `json:"unread"`  // beside those
	Score   float64        `json:"score"`   // least of those counted
	Objects map[string]int `json:"objects"` // by class
	Out     string         `json:"out"`
}

// tell prints what was found, class by class.
func (a *App) tell(g *gallery, p predictArgs) error {
	out := prediction{Images: len(g.images), Unread: g.unread, Score: p.score, Objects: map[string]int{}, Out: p.out}
	all := 0
	for label, c := range g.categories {
		out.Objects[c.Name] += g.counts[label]
		all += g.counts[label]
	}
	if p.json {
		return a.printJSON(out)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d images, %d objects with a score of at least %.2f\n", out.Images, all, p.score)
	for _, name := range slices.Sorted(maps.Keys(out.Objects)) {
		fmt.Fprintf(&b, "  %6d  %s\n", out.Objects[name], shortName(name))
	}
	fmt.Fprintf(&b, "all of them in %s\n", input.Line(filepath.Join(p.out, "detections.json")))
	if !p.noPictures {
		fmt.Fprintf(&b, "pictures in %s\n", input.Line(filepath.Join(p.out, "pictures")))
	}
	return a.print("%s", b.String())
}
