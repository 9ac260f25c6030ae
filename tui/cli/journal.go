package cli

import (
	"github.com/spf13/cobra"

	"detnas/core/run"
	"detnas/core/sheet"
)

func (a *App) journalCommand() *cobra.Command {
	return group(&cobra.Command{Use: "journal", Short: "Write what a run's journal tells as a table"}, a.journalExport())
}

func (a *App) journalExport() *cobra.Command {
	var what, format, out, runs string
	var force bool
	cmd := &cobra.Command{
		Use: "export RUN", Short: "Write a run's candidates or the course of a metric as CSV or JSON",
		Long: `Write the candidates of a run's search, or the course of one metric, as CSV or JSON.

--what is candidates, metrics, ranks, lr, images_per_s, data_s, step_s, or the name of a loss or a
figure in the journal, such as loss, loss_rpn_cls, top1 or AP. A metric has a row for
each time that it was told, metrics one for each metric then: of is train, eval, or end for a step's last figures. Of what a
resumed run has done twice the journal's last word stands. ranks has what each of several
processes did, a row for each time that it was told (docs/ranks.md). A run under way is left
alone: what is in its journal so far is written.`,
		Example: "  detnas journal export small-20261125-101112 -o candidates.csv\n" +
			"  detnas journal export small-20261125-101112 --what AP --format json",
		Args: exactly(1, "a run: its folder or its name under --runs"),
		RunE: failing(func(_ *cobra.Command, args []string) error {
			if format != sheet.CSV && format != sheet.JSON {
				return usage("--format %q: want csv or json", format)
			}
			if out != "" {
				if err := mayWrite(out, force); err != nil {
					return err
				}
			}
			f, err := run.Find(runs, args[0])
			if err != nil {
				return err
			}
			text, err := sheet.Of(f, what, format)
			if err != nil {
				return err
			}
			if out != "" {
				return run.WriteFile(out, text)
			}
			return a.print("%s", text)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&what, "what", sheet.Candidates, "candidates, metrics, the name of one, or ranks")
	f.StringVar(&format, "format", sheet.CSV, "csv or json")
	f.StringVarP(&out, "output", "o", "", "file to write instead of printing")
	f.StringVar(&runs, "runs", run.DefaultRuns, "folder that holds the runs")
	f.BoolVar(&force, "force", false, "overwrite the file")
	return cmd
}
