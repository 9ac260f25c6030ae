package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// side is a process that runs steps when it is told to.
type side struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	says   string // what it computes with
	memory struct{ rss, peak int64 }
}

// reply is a side's answer to a line.
type reply struct {
	Seconds float64 `json:"seconds"`
	Value   float64 `json:"value"`
	RSS     int64   `json:"rss_kib"`
	Peak    int64   `json:"peak_kib"`
}

// start runs a side up to its first line.
func start(cmd *exec.Cmd) (*side, error) {
	s := &side{cmd: cmd}
	var err error
	cmd.Stderr = os.Stderr
	if s.in, err = cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	s.out = bufio.NewScanner(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	var hello struct {
		Side string `json:"side"`
	}
	if err := s.read(&hello); err != nil {
		s.stop()
		return nil, err
	}
	s.says = hello.Side
	return s, nil
}

// stop ends the side by closing its input.
func (s *side) stop() {
	if err := s.in.Close(); err == nil {
		_ = s.cmd.Wait() // what it failed at, it has said
	}
}

// run asks for n steps.
func (s *side) run(n int) (reply, error) {
	var r reply
	if err := s.tell(strconv.Itoa(n), &r); err != nil {
		return r, err
	}
	s.memory.rss, s.memory.peak = r.RSS, r.Peak
	return r, nil
}

// reset makes the peak of memory begin anew.
func (s *side) reset() error { return s.tell("reset", &reply{}) }

func (s *side) tell(line string, into any) error {
	if _, err := fmt.Fprintln(s.in, line); err != nil {
		return fmt.Errorf("%s does not listen: %w", s.cmd.Path, err)
	}
	return s.read(into)
}

func (s *side) read(into any) error {
	if !s.out.Scan() {
		return fmt.Errorf("%s ended without an answer; see above", strings.Join(s.cmd.Args, " "))
	}
	if err := json.Unmarshal(s.out.Bytes(), into); err != nil {
		return fmt.Errorf("%s answered %q: %w", s.cmd.Path, s.out.Text(), err)
	}
	return nil
}

// without leaves variables out of an environment.
func without(env []string, names ...string) []string {
	var out []string
	for _, assignment := range env {
		name, _, _ := strings.Cut(assignment, "=")
		drop := false
		for _, n := range names {
			drop = drop || n == name
		}
		if !drop {
			out = append(out, assignment)
		}
	}
	return out
}
