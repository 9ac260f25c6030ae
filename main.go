// Detnas searches for the backbones of object detectors as DetNAS does, from the
// supernet to the trained detector. `detnas --help` lists its commands.
package main

import (
	"context"
	"os"

	"detnas/core/config"
	"detnas/core/engine"
	"detnas/core/interop"
	"detnas/core/ranks"
	"detnas/core/run"
	"detnas/core/tensor"
	"detnas/tui/cli"
)

func main() {
	app := &cli.App{Version: cli.BuildVersion(), Out: os.Stdout, Err: os.Stderr, Describe: describe}
	app.Run = func(ctx context.Context, cfg *config.Config, f *run.Folder, o cli.RunOptions) (run.Result, error) {
		return engine.Run(ctx, cfg, f, engine.Options{
			Version: app.Version, From: o.From, To: o.To, Redo: o.Redo, Watch: o.Watch, Desk: o.Desk,
			Ranks: o.Ranks, Patience: o.Patience,
		})
	}
	app.Follow = func(ctx context.Context, place ranks.Place, o cli.FollowOptions) error {
		return engine.Follow(ctx, place, engine.FollowOptions{Version: app.Version, Patience: o.Patience, Where: o.Where, Watch: o.Watch})
	}
	app.Decline = func(ctx context.Context, place ranks.Place, o cli.DeclineOptions) error {
		return engine.Decline(ctx, place, app.Version, o.Patience, o.Refused)
	}
	app.Predict = func(ctx context.Context, checkpoint string, images []string, o cli.PredictOptions) error {
		return engine.Predict(ctx, checkpoint, images, engine.PredictOptions(o))
	}
	app.Import = func(path string, o cli.ImportOptions) (*interop.Report, error) {
		return engine.Import(path, engine.ImportOptions(o))
	}
	app.WriteONNX = func(checkpoint string, o interop.DrawOptions) (*interop.Drawn, error) {
		o.Version = app.Version
		return engine.WriteONNX(checkpoint, o)
	}
	os.Exit(app.Execute(context.Background(), os.Args[1:]))
}

func describe() cli.Compute {
	info := tensor.Describe()
	return cli.Compute{LibTorch: info.LibTorch, BLAS: info.BLAS, SlowBLAS: info.Slow, CUDA: info.CUDA}
}
