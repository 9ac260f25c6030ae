// Command step is detnas's side of the measurements of package pair: it builds
// one piece of work, says so, and then runs as many steps of it as each line of
// its input asks for. bench/peer/peer.py is the same on PyTorch.
//
//	step -write FILE WORK   writes the weights and the batch of WORK to FILE
//	step -load FILE WORK    serves WORK from there, with -bf16 in bfloat16, with
//	                        -cuda on the first CUDA device
//	step op | op-gotch      serves the cost of an operator's call
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"detnas/core/tensor"
)

// threads is what every side of a measurement computes with.
const threads = 2

// device is where the networks are.
var device = tensor.CPU

// work is something to time.
type work interface {
	// step runs once and returns a number that tells whether both sides did the
	// same: a loss, or a count of detections.
	step() (float64, error)
}

func main() {
	if err := serveArgs(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "step:", err)
		os.Exit(1)
	}
}

func serveArgs(args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("step", flag.ContinueOnError)
	write := flags.String("write", "", "write the work's weights and batch to this `file` and end")
	load := flags.String("load", "", "take the weights and the batch from this `file`")
	bf16 := flags.Bool("bf16", false, "compute the convolutions and linear layers of a training in bfloat16")
	cuda := flags.Bool("cuda", false, "compute a network on the first CUDA device")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("read the flags: %w", err)
	}
	name := flags.Arg(0)
	return tensor.OnThread(threads, func() error {
		if *cuda {
			device = 0
			if err := tensor.Repeatable(device); err != nil {
				return err
			}
		}
		if *write != "" {
			return writeState(name, *write)
		}
		w, err := newWork(name, *load)
		if err != nil {
			return err
		}
		if *bf16 {
			n, ok := w.(interface{ lower() })
			if !ok {
				return fmt.Errorf("%s trains nothing, so that -bf16 is not for it", name)
			}
			n.lower()
		}
		return serve(w, in, out)
	})
}

// newWork makes the work of that name.
func newWork(name, file string) (work, error) {
	switch name {
	case "op":
		return newScopedOps()
	case "op-gotch":
		return newGotchOps()
	}
	if file == "" {
		return nil, errors.New("name the file that step -write has written: -load FILE")
	}
	return loadState(name, file)
}

// hello is the first line of a side's output.
type hello struct {
	Side string `json:"side"` // what it computes with
}

// done answers a line of input.
type done struct {
	Seconds float64 `json:"seconds"`
	Value   float64 `json:"value"`    // of the last step
	RSS     int64   `json:"rss_kib"`  // resident now
	Peak    int64   `json:"peak_kib"` // at most, since the last reset
}

// serve answers each line of in: a number asks for that many steps, "reset" for
// the peak of memory to begin anew.
func serve(w work, in io.Reader, out io.Writer) error {
	answer := json.NewEncoder(out)
	info := tensor.Describe()
	if err := answer.Encode(hello{Side: fmt.Sprintf("libtorch %s, %s, %d threads, %s", info.LibTorch, info.BLAS, threads, device)}); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		d, err := obey(w, strings.TrimSpace(lines.Text()))
		if err != nil {
			return err
		}
		if err := answer.Encode(d); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	return lines.Err()
}

// settle waits until a CUDA device has done all that it was told.
func settle() error {
	if device == tensor.CPU {
		return nil
	}
	return tensor.Run("wait", func(s *tensor.Scope) error {
		_, err := s.Full(0, device).Item()
		return err
	})
}

func obey(w work, line string) (done, error) {
	var d done
	if line == "reset" {
		return d, resetPeak()
	}
	n, err := strconv.Atoi(line)
	if err != nil {
		return d, fmt.Errorf("%q is neither a number of steps nor reset", line)
	}
	began := time.Now()
	for range n {
		if d.Value, err = w.step(); err != nil {
			return d, err
		}
	}
	if err := settle(); err != nil {
		return d, err
	}
	d.Seconds = time.Since(began).Seconds()
	d.RSS, d.Peak, err = memory()
	return d, err
}
