package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/spf13/cobra"

	"detnas/core/config"
	"detnas/core/run"
	"detnas/tui/progress"
	"detnas/tui/serve"
)

// The files in the server's folder.
const (
	hostKeyFile   = "host_ed25519"
	steerKeysFile = "steer_keys"
	watchKeysFile = "watch_keys"
	serveLogFile  = "serve.log"
)

// serveArgs are the arguments of detnas serve.
type serveArgs struct {
	runArgs                   // of the run whose engine is in the server; config and resume are empty without
	listen, dir, steer, watch string
	limits                    serve.Limits
}

func (a *App) serveCommand() *cobra.Command {
	s := serveArgs{limits: serve.Defaults()}
	cmd := &cobra.Command{
		Use: "serve [CONFIG]", Short: "Serve the screen over SSH",
		Long: `Serve the screen over SSH: ssh -p 2222 HOST opens it, and
ssh -p 2222 HOST -- status RUN --json answers without one (also runs, pause,
resume, stop, checkpoint, pin and unpin).

Only keys log in. Those listed in steer_keys in the server's folder may steer
runs, start, resume and delete them; those in watch_keys may look on. Both are
files of OpenSSH's authorized_keys format and are read at every login; the
sessions of a key that is taken out end.

With CONFIG, a preset or a TOML file, the engine runs in the server: SIGTERM and
Ctrl-C stop both, with a checkpoint. Other runs are processes of their own, which
the server finds in the folder of runs.`,
		Example: `  cat ~/.ssh/id_ed25519.pub >> ~/.config/detnas/serve/steer_keys
  detnas serve
  detnas serve demo --name night --or-resume --listen 0.0.0.0:2222`,
		Args: cobra.MaximumNArgs(1), ValidArgs: config.Presets(),
		RunE: failing(func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				s.config = args[0]
			}
			s.runsBy = cmd.Flags().Changed("runs")
			if err := s.check(); err != nil {
				return err
			}
			return a.serve(cmd.Context(), s)
		}),
	}
	f := cmd.Flags()
	f.StringVar(&s.listen, "listen", "127.0.0.1:2222", "address and port to listen at")
	f.StringVar(&s.dir, "dir", "", "the server's folder, with its keys and its log (default: detnas/serve in the user's config folder)")
	f.StringVar(&s.steer, "steer-keys", "", "file of the keys that may steer (default: "+steerKeysFile+" in the server's folder)")
	f.StringVar(&s.watch, "watch-keys", "", "file of the keys that may watch (default: "+watchKeysFile+" in the server's folder)")
	f.StringVar(&s.runs, "runs", run.DefaultRuns, "folder of the runs that are served; with CONFIG and without this, the config's")
	f.StringVar(&s.name, "name", "", "with CONFIG: name of the run's folder (default: the config's and the time)")
	f.StringArrayVar(&s.set, "set", nil, "with CONFIG: key=value to use instead of the config's; may be repeated")
	f.StringVar(&s.resume, "resume", "", "go on with a run in the server, given by its folder or its name under --runs")
	f.BoolVar(&s.orResume, "or-resume", false, "with CONFIG and --name: go on with the run of that name where there is one")
	f.IntVar(&s.limits.Sessions, "sessions", s.limits.Sessions, "sessions at once, screens and commands; a fifth of them is kept for keys that steer")
	f.DurationVar(&s.limits.Idle, "idle", s.limits.Idle, "time without a key after which a session is closed; 0 is never")
	f.IntVar(&s.limits.Failures, "failures", s.limits.Failures, "connections of an address that may end without a login within --ban")
	f.DurationVar(&s.limits.Ban, "ban", s.limits.Ban, "how long an address with more is refused; this machine's own never is")
	f.IntVar(&s.limits.Logins, "logins", s.limits.Logins, "connections at once that have not logged in yet, half of them of one address")
	f.DurationVar(&s.limits.Grace, "login-grace", s.limits.Grace, "time to log in, and then to open a session")
	f.IntVar(&s.limits.CommandBytes, "command-bytes", s.limits.CommandBytes, "bytes of a command line")
	f.DurationVar(&s.limits.KeepAlive, "keepalive", s.limits.KeepAlive, "time between two looks at clients and keys; a client that misses three is gone")
	return cmd
}

// check refuses arguments that do not go together.
func (s *serveArgs) check() error {
	if s.engine() {
		return s.runArgs.check()
	}
	if s.name != "" || len(s.set) > 0 || s.orResume {
		return usage("--name, --set and --or-resume go with a CONFIG, for the run whose engine is in the server")
	}
	return nil
}

// engine reports whether an engine is to run in the server.
func (s *serveArgs) engine() bool { return s.config != "" || s.resume != "" }

// places settles where the server's files are.
func (s *serveArgs) places() error {
	if s.dir == "" {
		dir, err := os.UserConfigDir()
		if err != nil {
			return fmt.Errorf("finding the server's folder: %w; name one with --dir", err)
		}
		s.dir = filepath.Join(dir, "detnas", "serve")
	}
	if s.steer == "" {
		s.steer = filepath.Join(s.dir, steerKeysFile)
	}
	if s.watch == "" {
		s.watch = filepath.Join(s.dir, watchKeysFile)
	}
	return serve.MakeFolder(s.dir)
}

// garbage is how much more than what it keeps the server lets memory grow before
// it cleans up, in percent: half of Go's usual, for fifty screens draw a lot that
// is thrown away.
const garbage = 50

// serve serves until a signal.
func (a *App) serve(ctx context.Context, s serveArgs) (err error) {
	if err := s.places(); err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		defer debug.SetGCPercent(debug.SetGCPercent(garbage))
	}
	log, err := serve.OpenLog(filepath.Join(s.dir, serveLogFile), a.Err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	h := newHouse(a, s.runs)
	server, err := serve.New(serve.Options{
		HostKey: filepath.Join(s.dir, hostKeyFile), SteerKeys: s.steer, WatchKeys: s.watch,
		Limits: s.limits, Log: log, Screen: h.screen, Command: h.command,
	})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.listen)
	if err != nil {
		return fmt.Errorf("serving: %w; choose another address with --listen", err)
	}
	outliveReaders()
	hear := gracefully
	if s.engine() {
		hear = a.savingly
	}
	ctx, stop := hear(ctx)
	defer stop()
	h.ctx = ctx
	if err := h.begin(s); err != nil {
		return errors.Join(err, listener.Close())
	}
	if err := a.announce(server, listener.Addr(), s, h.runs); err != nil {
		return errors.Join(err, listener.Close(), h.end())
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	var failed error
	select {
	case failed = <-served: // of itself
	case <-ctx.Done():
		log.Info("stopping", "why", context.Cause(ctx).Error())
	}
	closed := server.Close("the server is stopped")
	if failed == nil {
		failed = <-served
	}
	return errors.Join(failed, closed, h.end())
}

// announce says what is served, where, and to whom.
func (a *App) announce(server *serve.Server, at net.Addr, s serveArgs, runs string) error {
	steer, watch, err := server.Keys()
	if err != nil {
		return err
	}
	if tcp, ok := at.(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		a.warn("%s is reached from other machines: whoever has one of the keys can log in", at)
	}
	return a.print("%s", progress.Table([]progress.Row{
		{Label: "serving at", Value: at.String()},
		{Label: "host key", Value: server.Fingerprint()},
		{Label: "may steer", Value: keys(steer, s.steer)},
		{Label: "may watch", Value: keys(watch, s.watch)},
		{Label: "runs", Value: run.Shortest(runs)},
		{Label: "log", Value: filepath.Join(s.dir, serveLogFile)},
	}, 0, screenOf(a.Out).colour()))
}

func keys(n int, file string) string {
	if n == 1 {
		return "1 key, of " + file
	}
	return fmt.Sprintf("%d keys, of %s", n, file)
}
