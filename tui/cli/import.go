package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/interop"
	"detnas/nas"
)

// ImportOptions are how a checkpoint is taken in.
type ImportOptions struct {
	Out     string // file to write
	Space   string // a preset's name; empty takes the space that the shapes speak of
	Shuffle int    // of the official code's network: 1, 2, or 0 where nobody said
	Strict  bool   // whether a tensor that is left or missing is an error
	// Config, when not nil, has the space and the detector that the file is of.
	Config *config.Config
	// Classes are the detector's, in label order; none takes those that the file names.
	Classes []string
}

func (a *App) importCommand() *cobra.Command {
	var o ImportOptions
	var cfg string
	var force, asJSON bool
	cmd := &cobra.Command{
		Use: "import CKPT", Short: "Take in a checkpoint of MMRazor, the official code or torchvision",
		Long: `Take in a checkpoint and write it as one of detnas, which load_from of a step takes.

CKPT is a file of PyTorch, in its zip format or the one before, or of safetensors. It
is of MMRazor 0.x or 1.x (supernets and subnets), of the official DetNAS code, of
torchvision's shufflenet_v2, or of detnas. Whose it is is told by the names of its
tensors, and the search space by their shapes. No code of the file is run: what is
neither a tensor nor a plain container is refused by name.

With --config, a detector is taken as a whole where it is the config's, and predict
and eval take what is written. Without, its neck and heads are left.

All of the backbone has to be there. Of the rest the report says what was taken, what
was left and what is missing; --strict refuses either. Nothing is written when it fails.`,
		Example: "  detnas import detnas_subnet.pth -o subnet.safetensors\n" +
			"  detnas import detnas_subnet.pth --config detnas_frcnn_300m_coco --strict --json\n" +
			"  detnas import coco-fpn-300m.pkl --shuffle-method 2",
		Args: exactly(1, "a checkpoint"),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd, args[0], cfg, force); err != nil {
				return err
			}
			if cfg != "" {
				var err error
				if o.Config, err = config.Load(cfg, nil); err != nil {
					return fmt.Errorf("--config: %w", err)
				}
			}
			r, err := a.Import(args[0], o)
			if err != nil {
				return err
			}
			if asJSON {
				return a.printJSON(r)
			}
			return a.print("%s", importText(r))
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&o.Out, "output", "o", "", "file to write; else CKPT's name, ending in .safetensors, in this folder")
	f.StringVar(&o.Space, "space", "", "search space that it has to be of: "+strings.Join(nas.PresetNames(), ", "))
	f.StringVar(&cfg, "config", "", "config or preset that it has to be of, with its detector")
	f.StringSliceVar(&o.Classes, "classes", nil, "names of the detector's classes in label order, where the file does not name them")
	f.IntVar(&o.Shuffle, "shuffle-method", 0, "the official code's CHANNEL_SHUFFLE_METHOD that the network was trained with: 1 or 2")
	f.BoolVar(&o.Strict, "strict", false, "refuse a checkpoint of which a tensor is left or missing")
	f.BoolVar(&force, "force", false, "overwrite OUT")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// check refuses flags that make no sense, and an output that is there.
func (o *ImportOptions) check(cmd *cobra.Command, path, cfg string, force bool) error {
	if o.Space != "" && cfg != "" {
		return usage("--space and --config both name a search space; give one")
	}
	if o.Space != "" {
		if _, err := nas.Preset(o.Space); err != nil {
			return usage("--space: %v", err)
		}
	}
	if cmd.Flags().Changed("shuffle-method") && o.Shuffle != 1 && o.Shuffle != 2 {
		return usage("--shuffle-method %d: want 1 or 2", o.Shuffle)
	}
	if len(o.Classes) > 0 && cfg == "" {
		return usage("--classes are of a detector, which is taken with --config alone")
	}
	if o.Out == "" {
		base := filepath.Base(path)
		o.Out = strings.TrimSuffix(base, filepath.Ext(base)) + ".safetensors"
	}
	return mayWrite(o.Out, force, path)
}

// mayWrite refuses to write over what is there, and never over what is read.
func mayWrite(out string, force bool, from ...string) error {
	there, err := os.Stat(out)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return mayWriteIn(filepath.Dir(out))
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", input.Line(out), input.Plain(err))
	}
	for _, f := range from {
		if is, err := os.Stat(f); err == nil && os.SameFile(is, there) {
			return usage("%s would be written over itself; name another file with -o", input.Line(out))
		}
	}
	switch {
	case !there.Mode().IsRegular():
		return fmt.Errorf("%s is there and is no file; name another with -o", input.Line(out))
	case !force:
		return fmt.Errorf("%s is there; name another file with -o, or overwrite it with --force", input.Line(out))
	}
	return mayWriteIn(filepath.Dir(out)) // a file is replaced, not written over
}

// mayWriteIn refuses a folder that is not there or that is not to be written in, before
// anything is computed for it.
func mayWriteIn(folder string) error {
	info, err := os.Stat(folder)
	switch {
	case err != nil:
		return fmt.Errorf("the folder %s: %w; make it, or name another file with -o", input.Line(folder), input.Plain(err))
	case !info.IsDir():
		return fmt.Errorf("%s is no folder; name another file with -o", input.Line(folder))
	}
	if err := unix.Access(folder, unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("nothing may be written in the folder %s: %w; name another file with -o", input.Line(folder), err)
	}
	return nil
}

// shownTensors is how many tensors of a kind a report names.
const shownTensors = 10

// importText is the report for people.
func importText(r *interop.Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: a %s by the names of %s\n", input.Line(r.File), r.Network, r.Source)
	fmt.Fprintf(&b, "space    %s, layout %s: stem %d, widths %v, depths %v, choices %s\n",
		r.Space.Preset, r.Space.Layout, r.Space.Stem, r.Space.Widths, r.Space.Depths, strings.Join(r.Space.Choices, " "))
	if r.Subnet != "" {
		fmt.Fprintf(&b, "subnet   %s\n", r.Subnet)
	}
	fmt.Fprintf(&b, "taken    %d tensors\n", len(r.Taken))
	fmt.Fprintf(&b, "left     %d, beside %d counters of batches that nothing rests on\n", len(r.Left), r.Counters)
	for i, l := range r.Left {
		if i == shownTensors {
			fmt.Fprintf(&b, "  and %d more, which --json lists\n", len(r.Left)-i)
			break
		}
		fmt.Fprintf(&b, "  %s %v: %s\n", input.Line(l.Name), l.Shape, input.Line(l.Why))
	}
	fmt.Fprintf(&b, "missing  %d\n", len(r.Missing))
	for i, m := range r.Missing {
		if i == shownTensors {
			fmt.Fprintf(&b, "  and %d more, which --json lists\n", len(r.Missing)-i)
			break
		}
		fmt.Fprintf(&b, "  %s %v\n", m.Name, m.Shape)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note     %s\n", n)
	}
	for _, o := range r.Beside {
		fmt.Fprintf(&b, "unread   %s\n", o)
	}
	fmt.Fprintf(&b, "written  %s\n", input.Line(r.Out))
	if r.Space.Preset == config.PresetCustom {
		fmt.Fprintf(&b, "\nA config for it says:\n\n%s", spaceTOML(r))
	}
	return b.String()
}

// spaceTOML is a space that is no preset as a config has it.
func spaceTOML(r *interop.Report) string {
	list := func(v any) string { return strings.ReplaceAll(fmt.Sprint(v), " ", ", ") }
	quoted := make([]string, len(r.Space.Choices))
	for i, c := range r.Space.Choices {
		quoted[i] = `"` + c + `"`
	}
	return fmt.Sprintf("[space]\npreset = \"custom\"\nlayout = \"%s\"\nstem = %d\nwidths = %s\ndepths = %s\nchoices = %s\n",
		r.Space.Layout, r.Space.Stem, list(r.Space.Widths), list(r.Space.Depths), list(quoted))
}
