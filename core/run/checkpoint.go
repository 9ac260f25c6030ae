package run

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"detnas/core/input"
)

// Write puts the checkpoint at path: a crash leaves there what was before or
// all of it.
func (c *Checkpoint) Write(path string) error {
	l, err := c.lay()
	if err == nil {
		err = replace(path, l.size(), l.write)
	} else {
		err = &WriteError{Path: path, Err: err}
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// ReadCheckpoint reads and verifies a checkpoint, or any safetensors file. The
// tensors' data share one block of memory.
//
// The header may have 16 MiB, 10,000 entries of metadata and 64 dimensions a
// tensor, and the file as many bytes as the machine has memory. Reading takes the
// memory of the file and up to 32 times that of its header, and time in proportion
// to both.
func ReadCheckpoint(path string) (c *Checkpoint, err error) {
	file, info, err := input.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", allow(err, "read", path))
	}
	defer func() { err = errors.Join(err, closing(file)) }()
	if most := MachineMemory(); info.Size() > most {
		return nil, fmt.Errorf("reading checkpoint %s: %w: %s, and this machine has %s of memory",
			input.Line(path), input.ErrTooLarge, bytesText(info.Size()), bytesText(most))
	}
	if c, err = decode(bufio.NewReaderSize(file, 1<<20), info.Size()); err != nil {
		return nil, fmt.Errorf("reading checkpoint %s: %w", input.Line(path), err)
	}
	return c, nil
}

// ReadMeta reads the metadata of a checkpoint alone. Its tensors may be damaged.
func ReadMeta(path string) (meta map[string]string, err error) {
	file, info, err := input.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading checkpoint: %w", allow(err, "read", path))
	}
	defer func() { err = errors.Join(err, closing(file)) }()
	if meta, _, _, err = decodeHeader(bufio.NewReader(file), info.Size()); err != nil {
		return nil, fmt.Errorf("reading checkpoint %s: %w", input.Line(path), err)
	}
	return meta, nil
}

// MachineMemory is the bytes of memory that there are, swap included.
func MachineMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return math.MaxInt64
	}
	return int64(info.Totalram+info.Totalswap) * int64(info.Unit) //nolint:gosec // bytes of a machine
}

// Tensor returns the tensor of that name.
func (c *Checkpoint) Tensor(name string) (NamedArray, bool) {
	i := slices.IndexFunc(c.Tensors, func(t NamedArray) bool { return t.Name == name })
	if i < 0 {
		return NamedArray{}, false
	}
	return c.Tensors[i], true
}

// Saved is a checkpoint of a run, by its file's name.
type Saved struct {
	Path      string
	Step      int
	Iteration int  // 0 for the last of a step
	Last      bool // written at the step's end
}

// CheckpointPath is where the checkpoint of a step at an iteration belongs.
func (f *Folder) CheckpointPath(step, iteration int) string {
	return filepath.Join(f.checkpoints(), fmt.Sprintf("step-%d-%d.safetensors", step, iteration))
}

// LastPath is where the checkpoint of a finished step belongs.
func (f *Folder) LastPath(step int) string {
	return filepath.Join(f.checkpoints(), fmt.Sprintf("step-%d-last.safetensors", step))
}

// BestPath is where the checkpoint belongs at which a step was measured best.
func (f *Folder) BestPath(step int) string {
	return filepath.Join(f.checkpoints(), fmt.Sprintf("step-%d-best.safetensors", step))
}

// KeepBest has the checkpoint at path stand at BestPath, too: the same file by
// another name, which stays when path is removed, or a copy where the file system
// has no such names.
func (f *Folder) KeepBest(step int, path string) error {
	if err := f.Ours(); err != nil {
		return err
	}
	best := f.BestPath(step)
	from, err := os.Stat(path)
	if err != nil {
		return &WriteError{Path: best, Err: err}
	}
	if there, err := os.Stat(best); err == nil && os.SameFile(there, from) {
		return nil
	}
	temp := filepath.Join(f.checkpoints(), "."+filepath.Base(best)+".link"+tempSuffix)
	if err := os.Remove(temp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return &WriteError{Path: best, Err: err}
	}
	if err := os.Link(path, temp); err != nil {
		return duplicate(path, best, from.Size())
	}
	if err := os.Rename(temp, best); err != nil {
		return &WriteError{Path: best, Err: errors.Join(err, os.Remove(temp))}
	}
	if err := syncDir(f.checkpoints()); err != nil {
		return &WriteError{Path: best, Err: err}
	}
	return nil
}

// Saved lists a step's checkpoints, the newest first: the one of its end, then
// by falling iteration. The best is none of them: it has its iteration's name,
// too, or lies behind them.
func (f *Folder) Saved(step int) ([]Saved, error) {
	entries, err := os.ReadDir(f.checkpoints())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("listing checkpoints: %w", err)
	}
	var saved []Saved
	for _, e := range entries {
		if s, ok := parseSaved(e.Name()); ok && s.Step == step {
			s.Path = filepath.Join(f.checkpoints(), e.Name())
			saved = append(saved, s)
		}
	}
	slices.SortFunc(saved, func(a, b Saved) int {
		if a.Last != b.Last {
			if a.Last {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.Iteration, a.Iteration)
	})
	return saved, nil
}

// parseSaved reads step-<n>-<iter>.safetensors or step-<n>-last.safetensors.
func parseSaved(name string) (Saved, bool) {
	middle, isStep := strings.CutPrefix(name, "step-")
	middle, isFile := strings.CutSuffix(middle, ".safetensors")
	number, at, parted := strings.Cut(middle, "-")
	step, err := strconv.Atoi(number)
	if !isStep || !isFile || !parted || err != nil {
		return Saved{}, false
	}
	if at == "last" {
		return Saved{Step: step, Last: true}, true
	}
	iteration, err := strconv.Atoi(at)
	return Saved{Step: step, Iteration: iteration}, err == nil && iteration >= 0
}

// Newest reads the newest checkpoint of a step that is whole. Damaged ones are
// passed over, each with an error in damaged. Without any, the checkpoint is
// nil. One that cannot be opened is an error.
func (f *Folder) Newest(step int) (c *Checkpoint, at Saved, damaged []error, err error) {
	return f.newest(step, func(Saved) bool { return true })
}

// NewestBefore is Newest among the checkpoints from before an iteration of the
// step.
func (f *Folder) NewestBefore(step, iteration int) (c *Checkpoint, at Saved, damaged []error, err error) {
	return f.newest(step, func(s Saved) bool { return !s.Last && s.Iteration < iteration })
}

// newest reads the newest whole one of a step's checkpoints that count.
func (f *Folder) newest(step int, counts func(Saved) bool) (c *Checkpoint, at Saved, damaged []error, err error) {
	all, err := f.Saved(step)
	if err != nil {
		return nil, Saved{}, nil, err
	}
	for _, s := range all {
		if !counts(s) {
			continue
		}
		c, err := ReadCheckpoint(s.Path)
		if err == nil {
			return c, s, damaged, nil
		}
		if at := (*os.PathError)(nil); errors.As(err, &at) && at.Op == "open" { // it may well be whole
			return nil, Saved{}, damaged, err
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w; the file is torn", err)
		}
		damaged = append(damaged, err)
	}
	return nil, Saved{}, damaged, nil
}

// Prune removes a step's checkpoints but the newest keep up to an iteration, and
// never the best nor that of its end. That of iteration 0, which is there for a step
// that may have to go back so far, stays beside them. Those from after the iteration
// go: they are damaged, or were gone back from. A keep of 0 or less removes all.
func (f *Folder) Prune(step, iteration, keep int) error {
	if err := f.Ours(); err != nil {
		return err
	}
	all, err := f.Saved(step)
	if err != nil {
		return err
	}
	kept := 0
	for _, s := range all {
		switch {
		case s.Last:
			continue
		case s.Iteration == 0 && keep > 0:
			continue
		case s.Iteration <= iteration && kept < keep:
			kept++
			continue
		}
		if err := os.Remove(s.Path); err != nil {
			return fmt.Errorf("removing an old checkpoint: %w", err)
		}
	}
	return nil
}

// RemoveCheckpoints removes all checkpoints of a step that is begun anew.
func (f *Folder) RemoveCheckpoints(step int) error {
	if err := f.Ours(); err != nil {
		return err
	}
	all, err := f.Saved(step)
	if err != nil {
		return err
	}
	for _, s := range all {
		if err := os.Remove(s.Path); err != nil {
			return fmt.Errorf("removing a checkpoint of a step begun anew: %w", err)
		}
	}
	if err := os.Remove(f.BestPath(step)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing a checkpoint of a step begun anew: %w", err)
	}
	return nil
}
