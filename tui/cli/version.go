package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"detnas/tui/progress"
)

// release is the version in CHANGELOG.md.
const release = "0.1.0"

// BuildVersion is the release with the commit it was built from, where the build
// recorded one: 0.1.0+1a2b3c4.
func BuildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 7 {
			return release + "+" + s.Value[:7]
		}
	}
	return release
}

// versions is what detnas version prints; its JSON is a contract.
type versions struct {
	Version  string `json:"version"`
	LibTorch string `json:"libtorch"`
	BLAS     string `json:"blas"`
	Threads  int    `json:"threads"` // that a run uses when its config names none
	CUDA     int    `json:"cuda"`    // devices; 0 where there are none
}

func (a *App) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Show the versions of detnas and of what it computes with",
		Args: exactly(0, ""),
		RunE: failing(func(*cobra.Command, []string) error {
			c := a.Describe()
			a.warnSlow(c)
			v := versions{Version: a.Version, LibTorch: c.LibTorch, BLAS: c.BLAS, Threads: runtime.GOMAXPROCS(0), CUDA: c.CUDA}
			if asJSON {
				return a.printJSON(v)
			}
			return a.print("%s", progress.Table([]progress.Row{
				{Label: "detnas", Value: v.Version},
				{Label: "libtorch", Value: v.LibTorch},
				{Label: "BLAS", Value: v.BLAS},
				{Label: "threads", Value: fmt.Sprint(v.Threads)},
				{Label: "CUDA", Value: devices(v.CUDA)},
			}, 0, screenOf(a.Out).colour()))
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON; cuda is the number of devices")
	return cmd
}

func devices(n int) string {
	switch n {
	case 0:
		return "no device"
	case 1:
		return "1 device"
	}
	return fmt.Sprintf("%d devices", n)
}

// warnSlow names the cure for a slow BLAS.
func (a *App) warnSlow(c Compute) {
	if c.SlowBLAS {
		a.warn("matrix products run in the reference BLAS, some 30 times slower than OpenBLAS; cure: apt install libopenblas0")
	}
}
