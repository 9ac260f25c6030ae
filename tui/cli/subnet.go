package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"detnas/core/run"
	"detnas/nas"
)

// published is MMRazor's searched subnet.
const published = "1000-3032-22330213-2221"

func (a *App) subnetCommand() *cobra.Command {
	return group(&cobra.Command{Use: "subnet", Short: "Look at subnets and convert their files"},
		a.subnetShow(), a.subnetConvert())
}

func (a *App) subnetShow() *cobra.Command {
	var spaceName, layout string
	var size int
	var asJSON bool
	cmd := &cobra.Command{
		Use: "show SUBNET", Short: "Count a subnet's parameters and operations",
		Long:    "Count a subnet's parameters and operations. SUBNET is the short form, one digit a block\n(0 = 3x3, 1 = 5x5, 2 = 7x7, 3 = xception), the name of the choice\nthat all blocks have, such as 3x3, or a YAML file in any form that MMRazor has used.",
		Example: "  detnas subnet show " + published + "\n  detnas subnet show subnet.yaml --json",
		Args:    exactly(1, "a subnet: the short form or a YAML file"),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			space, err := namedSpace(spaceName, layout)
			if err != nil {
				return err
			}
			if size < 1 {
				return usage("--input-size %d: want a side in pixels, such as 224", size)
			}
			sub, err := nas.LoadSubnet(args[0], space)
			if err != nil {
				return err
			}
			s, err := nas.Summarise(space, sub, nas.Square(size))
			if err != nil {
				return fmt.Errorf("counting %s: %w", sub.Short(space), err)
			}
			if asJSON {
				return a.printJSON(s)
			}
			return a.print("%s", summaryText(s, size))
		}),
	}
	cmd.Flags().StringVar(&spaceName, "space", "300m", "search space: "+strings.Join(nas.PresetNames(), ", "))
	cmd.Flags().StringVar(&layout, "layout", string(nas.LayoutMMRazor), "whose blocks: mmrazor, official, official-2")
	cmd.Flags().IntVar(&size, "input-size", 224, "side of the square input, in pixels")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// namedSpace is a published space in a layout.
func namedSpace(name, layout string) (nas.Space, error) {
	space, err := nas.Preset(name)
	if err != nil {
		return nas.Space{}, usage("--space: %v", err)
	}
	if space.Layout, err = nas.ParseLayout(layout); err != nil {
		return nas.Space{}, usage("--layout: %v", err)
	}
	return space, nil
}

func summaryText(s nas.Summary, size int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "subnet %s of space %s, layout %s, input %dx%d\n\n", s.Subnet, s.Space, s.Layout, size, size)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }
	row("", "body", "classifier")
	row("parameters", thousands(s.Body.Params), thousands(s.Classifier.Params))
	row("conv MACs", thousands(s.Body.ConvMACs), thousands(s.Classifier.ConvMACs))
	row("conv + ReLU", thousands(s.Body.ConvReLU), "")
	row("conv + ReLU + BN", thousands(s.Body.ConvReLUBN), "")
	row("mmcv's FLOPs", "", thousands(s.Classifier.MMCVFlops))
	_ = w.Flush() // into a Builder
	b.WriteString(`
The body is the stem and the stages, which a detector uses as its backbone; the
classifier is the body with the last convolution, the pool and the fully
connected layer.
`)
	if s.Space == "300m" {
		b.WriteString(`The published 3.35 M parameters and 0.34 G FLOPs of the searched subnet
` + published + ` count its whole classifier, in mmcv's way
(3,348,600 and 337,212,608), and not the backbone.
`)
	}
	return b.String()
}

func (a *App) subnetConvert() *cobra.Command {
	var spaceName, to, out string
	cmd := &cobra.Command{
		Use: "convert IN --to FORM", Short: "Write a subnet in another form",
		Long:    "Write a subnet in another form: mmrazor-0.1, mmrazor-1.0, modules (the form between the two) or short.\nIN is the short form or a file in any of the forms.",
		Example: "  detnas subnet convert " + published + " --to mmrazor-1.0 -o subnet.yaml",
		Args:    exactly(1, "a subnet: the short form or a YAML file"),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			space, err := namedSpace(spaceName, string(nas.LayoutMMRazor))
			if err != nil {
				return err
			}
			format, err := nas.ParseFormat(to)
			if err != nil {
				return usage("--to: %v", err)
			}
			sub, err := nas.LoadSubnet(args[0], space)
			if err != nil {
				return err
			}
			text, err := nas.Encode(sub, space, format)
			if err != nil {
				return err
			}
			if out != "" {
				return run.WriteFile(out, text)
			}
			return a.print("%s", text)
		}),
	}
	cmd.Flags().StringVar(&to, "to", "", "form: mmrazor-0.1, mmrazor-1.0, modules, short")
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write instead of printing")
	cmd.Flags().StringVar(&spaceName, "space", "300m", "search space: "+strings.Join(nas.PresetNames(), ", "))
	_ = cmd.MarkFlagRequired("to") // fails only for a flag that is not there
	return cmd
}
