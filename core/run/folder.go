// Package run keeps what a run leaves on disk: its folder and the lock on it,
// the journal of events, checkpoints, and the result. Whatever is written is
// whole after a crash at any moment, or is recognised as torn and left out.
package run

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"detnas/core/input"
)

// Folder is a run's folder. Its methods may be called from any goroutine.
type Folder struct {
	dir string

	mu   sync.Mutex
	lock *os.File // held by the process that writes
}

// AutoName is the name of a run that was given none: <title>-YYYYMMDD-HHMMSS.
func AutoName(title string, at time.Time) string {
	return title + "-" + at.Format("20060102-150405")
}

// Create makes the folder runs/name and locks it. It must not be there yet, or
// hold no more than what a process left that was killed before it had written
// the run's config.
func Create(runs, name string) (*Folder, error) {
	if err := input.CheckName(name); err != nil {
		return nil, fmt.Errorf("creating run: %w; give one with --name", err)
	}
	if err := os.MkdirAll(runs, 0o755); err != nil { //nolint:gosec // runs are there to be read
		return nil, fmt.Errorf("creating the folder of runs: %w", ToStart(err))
	}
	f := &Folder{dir: filepath.Join(runs, name)}
	err := os.Mkdir(f.dir, 0o755) //nolint:gosec // as above
	stood := errors.Is(err, fs.ErrExist)
	if err != nil && !stood {
		return nil, fmt.Errorf("creating run %s: %w", name, ToStart(err))
	}
	there := fmt.Errorf("creating run %s: %s is there already; go on with: %s, or choose another --name",
		name, input.Line(f.dir), input.CommandLine("run", "--resume", f.Handle()))
	if stood && !f.Bare() {
		return nil, there
	}
	if err := f.Lock(); err != nil {
		if stood {
			err = there // another process is about to begin it
		}
		return nil, ToStart(err)
	}
	if !f.Bare() { // another process began it, and ended, just now
		return nil, errors.Join(there, f.Unlock())
	}
	return f, nil
}

// Bare reports whether the folder holds nothing of a run yet but what Lock puts
// there and files that are not whole: it was made by a process that ended before
// it had written the run's config.
func (f *Folder) Bare() bool {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		path := filepath.Join(f.dir, e.Name())
		switch {
		case path == f.lockPath(), path == f.askedPath(), strings.HasPrefix(e.Name(), ".") && strings.HasSuffix(e.Name(), tempSuffix):
		case path == f.checkpoints():
			if inside, err := os.ReadDir(path); err != nil || len(inside) > 0 {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// Find opens a run by its folder or by its name under runs, without locking it.
func Find(runs, nameOrDir string) (*Folder, error) {
	if nameOrDir == "" {
		return nil, errors.New("finding run: no name given; give a run's folder or its name under --runs")
	}
	tried := []string{nameOrDir}
	if nameOrDir == filepath.Base(nameOrDir) {
		tried = []string{filepath.Join(runs, nameOrDir), nameOrDir}
	}
	for _, dir := range tried {
		f := &Folder{dir: filepath.Clean(dir)}
		for _, file := range []string{f.Config(), f.JournalPath(), f.lockPath()} {
			info, err := os.Stat(file)
			if errors.Is(err, fs.ErrPermission) {
				return nil, fmt.Errorf("finding run: %w", allow(err, "look into", f.dir))
			}
			if err == nil && info.Mode().IsRegular() {
				return f, nil
			}
		}
	}
	return nil, fmt.Errorf("no run in %s; give a run's folder or its name under --runs", strings.Join(tried, " or "))
}

// Name is the run's name, that of its folder.
func (f *Folder) Name() string {
	if abs, err := filepath.Abs(f.dir); err == nil {
		return filepath.Base(abs)
	}
	return filepath.Base(f.dir)
}

// DefaultRuns is where runs are looked for by name, as in config.Defaults.
const DefaultRuns = "runs"

// Handle is what names the run on a command line: its name where runs usually
// are, else its folder as seen from the working folder.
func (f *Folder) Handle() string {
	dir := Shortest(f.dir)
	name := filepath.Base(dir)
	switch flag := strings.HasPrefix(name, "-"); {
	case dir == filepath.Join(DefaultRuns, name) && !flag:
		return name
	case dir == name || strings.HasPrefix(dir, "-"):
		return "./" + dir // a folder, not a name nor a flag
	}
	return dir
}

// Anew is the command that starts a run of this name in the same folder of runs,
// for one that never began.
func (f *Folder) Anew() string {
	words := []string{"run", "CONFIG", "--name", f.Name()}
	if runs := Shortest(filepath.Dir(f.dir)); runs != DefaultRuns {
		words = append(words, "--runs", runs)
	}
	return input.CommandLine(words...)
}

// Shortest is a path as seen from the working folder, if it lies in it.
func Shortest(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(here, "/")+"/"); ok {
		return rest
	}
	return path
}

// Dir is the folder's path.
func (f *Folder) Dir() string { return f.dir }

// Config is the path of the config as resolved.
func (f *Folder) Config() string { return filepath.Join(f.dir, "config.toml") }

// JournalPath is the path of the journal.
func (f *Folder) JournalPath() string { return filepath.Join(f.dir, "events.jsonl") }

// Result is the path of the result.
func (f *Folder) Result() string { return filepath.Join(f.dir, "result.json") }

// Subnet is the path of the chosen subnet, in MMRazor's form.
func (f *Folder) Subnet() string { return filepath.Join(f.dir, "subnet.yaml") }

// Log is the path of what libtorch and the engine print.
func (f *Folder) Log() string { return filepath.Join(f.dir, "log.txt") }

// Socket is the path of the control socket, there while the run runs.
func (f *Folder) Socket() string { return filepath.Join(f.dir, "control.sock") }

// Data is the folder of what the run draws for itself.
func (f *Folder) Data() string { return filepath.Join(f.dir, "data") }

// EventFiles makes the folder of TensorBoard's event files of a name, or that of all
// without one, and returns it.
func (f *Folder) EventFiles(name string) (string, error) {
	dir := filepath.Join(f.dir, "tensorboard")
	if err := f.room(dir); err != nil {
		return "", fmt.Errorf("TensorBoard's event files: %w", err)
	}
	if name == "" {
		return dir, nil
	}
	if err := input.CheckName(name); err != nil {
		return "", fmt.Errorf("TensorBoard's event files: %w", err)
	}
	dir = filepath.Join(dir, name)
	if err := f.room(dir); err != nil {
		return "", fmt.Errorf("TensorBoard's event files: %w", err)
	}
	return dir, nil
}

// Exports makes the folder for the tables that people have asked for.
func (f *Folder) Exports() (string, error) {
	dir := filepath.Join(f.dir, "exports")
	if err := f.room(dir); err != nil {
		return "", fmt.Errorf("exports: %w", err)
	}
	return dir, nil
}

func (f *Folder) checkpoints() string { return filepath.Join(f.dir, "checkpoints") }
func (f *Folder) lockPath() string    { return filepath.Join(f.dir, "lock") }
