package cli

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/interop"
	"detnas/core/pth"
	"detnas/core/run"
	"detnas/nas"
)

// What export writes.
const (
	toSafetensors = "safetensors"
	toPth         = "pth"
	toSubnet      = "subnet.yaml"
	toONNX        = "onnx"
)

// exportArgs are the flags of export.
type exportArgs struct {
	to, out, runs, layout, prefix, form string
	step                                int
	ownPrefix, force, json              bool

	size string // of the images, as HxW
	draw interop.DrawOptions
}

// exported is what export says that it has done.
type exported struct {
	From    string `json:"from"`
	Out     string `json:"out"`
	To      string `json:"to"`
	Layout  string `json:"layout,omitempty"`
	Prefix  string `json:"prefix,omitempty"`
	Tensors int    `json:"tensors,omitempty"`
	Bytes   int64  `json:"bytes,omitempty"`
	Subnet  string `json:"subnet,omitempty"`
	Form    string `json:"form,omitempty"`
}

func (a *App) exportCommand() *cobra.Command {
	var e exportArgs
	cmd := &cobra.Command{
		Use: "export RUN|CHECKPOINT --to safetensors|pth|onnx|subnet.yaml", Short: "Write weights, a network or a subnet for other programs",
		Long: `Write the weights of a run or of a checkpoint, their network, or the subnet that they are
of, as a file for other programs. Of a run it is the end of its last finished step that has weights,
or of --step.

--to safetensors and --to pth write the weights without the optimiser's state. pth is
what torch.load opens: a state_dict under the key state_dict, and beside it meta, in
which detnas's own metadata (config, classes, subnet) is under keys that begin with
detnas_. --layout names the tensors as detnas does (ours), as MMRazor 0.x does or as
1.x does; --prefix replaces what that program's algorithm has before them. detnas
import reads all of them back to the bit.

--to onnx writes a network of one subnet, with its weights, as ONNX of opset 11: all of it,
or --part. A detector goes up to the raw outputs of each level: cls_p3 and reg_p3 and so
on of RetinaNet; of Faster R-CNN rpn_cls_p2, rpn_reg_p2 and the levels p2 and so on, whose
head on pooled boxes is --part roi-head, a file of its own. Batch and size are any, unless
--batch and --size fix them; --size multiples takes those sizes alone that the coarsest
stride divides, by which OpenCV's DNN module takes a detector. The input is RGB, of which
mean and std are taken off, unless --normalise builds that in. Classes, mean, std, anchors
and all else that is needed are in metadata_props (docs/interop.md).

--sample makes a folder with inputs of several sizes and what detnas computes of each, as
NumPy's files, with which bench/interop/runtimes.py holds onnxruntime or OpenCV against it.

--to subnet.yaml writes the subnet in one of MMRazor's forms: mmrazor-0.1, modules or
mmrazor-1.0.`,
		Example: "  detnas export small-20261125-101112 --to pth --layout mmrazor-1.x -o subnet.pth\n" +
			"  detnas export small-20261125-101112 --to subnet.yaml --form mmrazor-1.0 -o subnet.yaml\n" +
			"  detnas export small-20261125-101112 --to onnx --fold-bn --normalise -o detector.onnx",
		Args: exactly(1, "a run or a checkpoint"),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			e.ownPrefix = cmd.Flags().Changed("prefix")
			if err := e.check(cmd); err != nil {
				return err
			}
			if e.to == toONNX {
				return a.exportONNX(&e, args[0])
			}
			done, err := e.export(args[0])
			if err != nil {
				return err
			}
			if e.json {
				return a.printJSON(done)
			}
			return a.print("%s", done.text())
		}),
	}
	f := cmd.Flags()
	f.StringVar(&e.to, "to", "", "safetensors, pth, onnx or subnet.yaml")
	f.StringVarP(&e.out, "output", "o", "", "file to write; else the run's or the checkpoint's name, in this folder")
	f.StringVar(&e.layout, "layout", "ours", "whose names the tensors get: ours, mmrazor-0.x, mmrazor-1.x")
	f.StringVar(&e.prefix, "prefix", "", "what is before the names; else architecture.model. for mmrazor-0.x and architecture. for mmrazor-1.x")
	f.StringVar(&e.form, "form", string(nas.FormatMMRazor01), "form of the subnet: mmrazor-0.1, modules, mmrazor-1.0, short")
	f.StringVar(&e.draw.Part, "part", "", "part of the network: backbone, classifier, detector or roi-head; else all of it")
	f.StringVar(&e.size, "size", "", "height and width of the images, as 800x1216, or multiples of the coarsest stride; else any")
	f.IntVar(&e.draw.Batch, "batch", 0, "images of a batch, or boxes of the roi-head; 0: any")
	f.BoolVar(&e.draw.FoldBN, "fold-bn", false, "put BatchNorms into the convolutions before them")
	f.BoolVar(&e.draw.Normalise, "normalise", false, "have the network itself take off mean and std, from RGB values of 0 to 255")
	f.StringVar(&e.draw.Sample, "sample", "", "folder to make, with inputs and what detnas computes of them, to hold other programs against")
	f.StringSliceVar(&e.draw.SampleImages, "sample-image", nil, "image that is among the inputs, at its own size; may be given several times")
	f.IntVar(&e.step, "step", 0, "step of the run, 1 to 5; 0: the last that is finished")
	f.StringVar(&e.runs, "runs", run.DefaultRuns, "folder that holds the runs")
	f.BoolVar(&e.force, "force", false, "overwrite the file")
	f.BoolVar(&e.json, "json", false, "print JSON")
	_ = cmd.MarkFlagRequired("to") // fails only for a flag that is not there
	return cmd
}

// names says whose names the tensors get.
func (e *exportArgs) names() interop.Source {
	if e.layout == "ours" {
		return interop.Ours
	}
	return interop.Source(e.layout)
}

// check refuses flags that make no sense.
func (e *exportArgs) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	switch {
	case !slices.Contains([]string{toSafetensors, toPth, toSubnet, toONNX}, e.to):
		return usage("--to %q: want safetensors, pth, onnx or subnet.yaml", e.to)
	case e.to == toONNX && (given("layout") || e.ownPrefix || given("form")):
		return usage("--layout, --prefix and --form are of other files; onnx has --part, --size, --batch, --fold-bn, --normalise and --sample")
	case e.to != toONNX && (given("part") || given("size") || given("batch") || given("fold-bn") || given("normalise") || given("sample")):
		return usage("--part, --size, --batch, --fold-bn, --normalise and --sample are of onnx")
	case len(e.draw.SampleImages) > 0 && e.draw.Sample == "":
		return usage("--sample-image is of --sample")
	case e.to == toSubnet && (given("layout") || e.ownPrefix || given("step")):
		return usage("--layout, --prefix and --step are of weights; a subnet has --form")
	case e.to != toSubnet && given("form"):
		return usage("--form is of subnet.yaml; weights have --layout")
	case !slices.Contains([]interop.Source{interop.Ours, interop.MMRazor0, interop.MMRazor1}, e.names()):
		return usage("--layout %q: want ours, mmrazor-0.x or mmrazor-1.x", e.layout)
	case e.step < 0 || e.step > config.StepSubnetFinetune || e.step == config.StepSearch:
		return usage("--step %d: want 1, 2, 4 or 5, which have weights", e.step)
	}
	if e.to == toONNX {
		return e.checkONNX(given("size"))
	}
	if _, err := nas.ParseFormat(e.form); err != nil {
		return usage("--form: %v", err)
	}
	return nil
}

// export does it.
func (e *exportArgs) export(arg string) (*exported, error) {
	if e.to == toSubnet {
		return e.subnet(arg)
	}
	path, name, err := e.checkpoint(arg)
	if err != nil {
		return nil, err
	}
	if e.out == "" {
		e.out = name + "." + e.to
	}
	if err := mayWrite(e.out, e.force, path); err != nil {
		return nil, err
	}
	c, err := run.ReadCheckpoint(path)
	if err != nil {
		return nil, err
	}
	prefix := interop.Prefix(e.names())
	if e.ownPrefix {
		prefix = e.prefix
	}
	tensors, err := interop.Named(c, e.names(), prefix)
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", input.Line(path), err)
	}
	if e.to == toSafetensors {
		err = (&run.Checkpoint{Meta: c.Meta, Tensors: tensors}).Write(e.out)
	} else {
		err = writePth(e.out, c.Meta, tensors)
	}
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", input.Line(path), err)
	}
	info, err := os.Stat(e.out)
	if err != nil {
		return nil, fmt.Errorf("exporting %s: %w", input.Line(path), err)
	}
	return &exported{From: path, Out: e.out, To: e.to, Layout: e.layout, Prefix: prefix, Tensors: len(tensors), Bytes: info.Size()}, nil
}

// writePth writes a state_dict with detnas's metadata beside it.
func writePth(out string, meta map[string]string, tensors []run.NamedArray) error {
	texts, size := map[string]string{}, int64(0)
	for k, v := range meta {
		if !strings.HasPrefix(k, "detnas.") { // the safetensors file's own
			texts[interop.MetaPrefix+k] = v
		}
	}
	for _, t := range tensors {
		size += int64(len(t.Data))
	}
	return run.WriteStream(out, size, func(w io.Writer) error {
		return pth.Write(w, tensors, slices.Sorted(maps.Keys(texts)), texts)
	})
}

// checkpoint is the file that is meant, and the name of what is written from it.
func (e *exportArgs) checkpoint(arg string) (path, name string, err error) {
	if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() {
		if e.step != 0 {
			return "", "", usage("--step is of a run, and %s is a file", input.Line(arg))
		}
		base := filepath.Base(arg)
		return arg, strings.TrimSuffix(base, filepath.Ext(base)), nil
	}
	folder, err := run.Find(e.runs, arg)
	if err != nil {
		return "", "", err
	}
	steps := []int{5, 4, 2, 1}
	if e.step != 0 {
		steps = []int{e.step}
	}
	for _, step := range steps {
		if _, err := os.Stat(folder.LastPath(step)); err == nil {
			return folder.LastPath(step), folder.Name(), nil
		}
	}
	if e.step != 0 {
		return "", "", fmt.Errorf("run %s has not finished step %d: %s is not there; name a checkpoint of it, or another --step", folder.Name(), e.step, folder.LastPath(e.step))
	}
	return "", "", fmt.Errorf("run %s has finished no step that has weights; name a checkpoint", folder.Name())
}

// subnet writes the subnet of a run or a checkpoint.
func (e *exportArgs) subnet(arg string) (*exported, error) {
	sub, space, from, err := e.findSubnet(arg)
	if err != nil {
		return nil, err
	}
	text, err := nas.Encode(sub, space, nas.Format(e.form))
	if err != nil {
		return nil, err
	}
	if e.out == "" {
		base := filepath.Base(arg)
		e.out = strings.TrimSuffix(base, filepath.Ext(base)) + ".subnet.yaml"
	}
	if err := mayWrite(e.out, e.force, from); err != nil {
		return nil, err
	}
	if err := run.WriteFile(e.out, text); err != nil {
		return nil, err
	}
	return &exported{From: from, Out: e.out, To: e.to, Subnet: sub.Short(space), Form: e.form}, nil
}

// findSubnet reads the subnet of a checkpoint's metadata, or of a run's search.
func (e *exportArgs) findSubnet(arg string) (nas.Subnet, nas.Space, string, error) {
	fail := func(err error) (nas.Subnet, nas.Space, string, error) { return nil, nas.Space{}, "", err }
	if info, err := os.Stat(arg); err == nil && info.Mode().IsRegular() {
		c, err := run.ReadCheckpoint(arg)
		if err != nil {
			return fail(err)
		}
		sub, space, err := subnetIn(c)
		if err != nil {
			return fail(fmt.Errorf("checkpoint %s: %w", input.Line(arg), err))
		}
		return sub, space, arg, nil
	}
	folder, err := run.Find(e.runs, arg)
	if err != nil {
		return fail(err)
	}
	cfg, err := config.Load(folder.Config(), nil)
	if err != nil {
		return fail(err)
	}
	space, err := cfg.Space.NAS(1)
	if err != nil {
		return fail(err)
	}
	if _, err := os.Stat(folder.Subnet()); err != nil {
		return fail(fmt.Errorf("run %s has no subnet yet: its search writes it to %s", folder.Name(), folder.Subnet()))
	}
	sub, err := nas.LoadSubnet(folder.Subnet(), space)
	if err != nil {
		return fail(err)
	}
	return sub, space, folder.Subnet(), nil
}

// subnetIn reads a checkpoint's metadata: its subnet, and its space by its config or,
// of one that was imported, by name.
func subnetIn(c *run.Checkpoint) (nas.Subnet, nas.Space, error) {
	short := c.Meta["subnet"]
	if short == "" {
		return nil, nas.Space{}, fmt.Errorf("it is of no subnet; give one of step 4 or 5")
	}
	var space nas.Space
	var err error
	if text := c.Meta[run.MetaConfig]; text != "" {
		cfg, err := config.Parse("the checkpoint's config", []byte(text), nil)
		if err != nil {
			return nil, nas.Space{}, err
		}
		space, err = cfg.Space.NAS(1)
		if err != nil {
			return nil, nas.Space{}, err
		}
	} else if space, err = nas.Preset(c.Meta["space"]); err != nil {
		return nil, nas.Space{}, fmt.Errorf("its space is not in it: %w", err)
	}
	sub, err := nas.ParseSubnet(short, space)
	return sub, space, err
}

// text is what was written, for people.
func (x *exported) text() string {
	if x.To == toSubnet {
		return fmt.Sprintf("subnet %s of %s\nwritten  %s, in the form %s\n", x.Subnet, input.Line(x.From), input.Line(x.Out), x.Form)
	}
	names := "named as detnas names them"
	if x.Layout != "ours" {
		names = "named as " + x.Layout + " names them"
	}
	if x.Prefix != "" {
		names += fmt.Sprintf(", after %q", x.Prefix)
	}
	return fmt.Sprintf("%d tensors of %s, %s\nwritten  %s, %s bytes\n", x.Tensors, input.Line(x.From), names, input.Line(x.Out), thousands(x.Bytes))
}
