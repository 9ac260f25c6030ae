package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/input"
	"detnas/core/interop/razor"
	"detnas/core/run"
)

func (a *App) configCommand() *cobra.Command {
	return group(&cobra.Command{Use: "config", Short: "Make a config of another program's"}, a.configFromMMRazor())
}

func (a *App) configFromMMRazor() *cobra.Command {
	var o razor.Options
	var out, step string
	var force bool
	cmd := &cobra.Command{
		Use: "from-mmrazor FILE", Short: "Make a config of one of MMRazor's DetNAS",
		Long: `Read a config of DetNAS of MMRazor, written in Python, and write it as TOML.

No Python is run: assignments of literals are read, with the files that _base_ names
where they are there; those of a package (mmdet::...) are looked for in --package. The config is the preset of its detector with all that the file
says and that has a meaning here. The report names the preset, each key with the line
that set it, the values that have no place here, and the statements that were not
understood. It goes to the terminal's errors where the config is printed, and is
printed itself with -o.

A file of MMRazor is of one training step, or of the search; its optimiser and
schedule are set for that step, and the other steps are the preset's.`,
		Example: "  detnas config from-mmrazor configs/nas/detnas/detnas_supernet_frcnn_shufflenetv2_fpn_1x_coco.py --gpus 8 > mine.toml\n" +
			"  detnas config from-mmrazor search.py -o search.toml",
		Args: exactly(1, "a config of MMRazor"),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("gpus") && o.GPUs < 1 {
				return usage("--gpus %d: want 1 or more", o.GPUs)
			}
			if step != "" {
				var err error
				if o.Step, err = config.ParseStep(step); err != nil {
					return usage("--step: %v", err)
				}
			}
			for name, dir := range o.Packages {
				if info, err := os.Stat(dir); err != nil || !info.IsDir() {
					return usage("--package %s=%s: want the folder of the package's sources", input.Line(name), input.Line(dir))
				}
			}
			if out != "" {
				if err := mayWrite(out, force, args[0]); err != nil {
					return err
				}
			}
			r, err := razor.Read(args[0], o)
			if err != nil {
				return err //nolint:wrapcheck // it names the file
			}
			if out == "" {
				if _, err := fmt.Fprint(a.Err, razorText(r)); err != nil {
					return fmt.Errorf("writing the report: %w", err)
				}
				return a.print("%s", r.Config.Resolved())
			}
			if err := run.WriteFile(out, []byte(r.Config.Resolved())); err != nil {
				return err //nolint:wrapcheck // it names the file
			}
			return a.print("%s", razorText(r))
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&out, "output", "o", "", "file to write; else the config is printed")
	f.BoolVar(&force, "force", false, "overwrite OUT")
	f.IntVar(&o.GPUs, "gpus", 0, "how many the batch of one GPU is of, where the file does not say the whole batch")
	f.StringToStringVar(&o.Packages, "package", nil, "folder of a package's sources, as mmdet=DIR, whose configs the file inherits (mmdet::...); may be given several times")
	f.StringVar(&step, "step", "", "the step that the file is of, by name or number, where it should not be told from it")
	return cmd
}

// razorText is the report in words.
func razorText(r *razor.Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "preset        %s, for all that is not below\nstep          %d (%s)\n", r.Preset, r.Step, config.StepName(r.Step))
	fmt.Fprintf(&b, "taken         %d keys\n", len(r.Taken))
	for _, t := range r.Taken {
		fmt.Fprintf(&b, "  %s = %s (%s)\n", t.Key, input.Line(t.Value), input.Line(t.From))
	}
	fmt.Fprintf(&b, "left          %d values\n", len(r.Left))
	for _, l := range r.Left {
		why := ""
		if l.Why != "" {
			why = ": " + l.Why
		}
		fmt.Fprintf(&b, "  %s (%s)%s\n", l.Path, l.From, why)
	}
	if len(r.Absent) > 0 {
		fmt.Fprintf(&b, "not there     %d files that it inherits\n", len(r.Absent))
		for _, s := range r.Absent {
			fmt.Fprintf(&b, "  %s\n", input.Line(s.String()))
		}
	}
	if len(r.Strange) > 0 {
		fmt.Fprintf(&b, "not understood  %d statements\n", len(r.Strange))
		for _, s := range r.Strange {
			fmt.Fprintf(&b, "  %s\n", input.Line(s.String()))
		}
	}
	return b.String()
}
