package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"detnas/core/run"
)

// resumedByOthers stops a search by three processes and goes on with it by two.
func resumedByOthers(t *testing.T, dir string, p *process, name string) {
	t.Helper()
	folder := filepath.Join(dir, "runs", name)
	measures(t, folder)
	signal(t, p, syscall.SIGINT)
	p.fail("the run was stopped", "detnas launch --workers 3 --resume "+name)
	found, _, _ := searchedOf(t, folder)
	launched(t, dir, 2, nil, "--resume", name).succeed()
	if after, _, _ := searchedOf(t, folder); len(found) >= len(after) {
		t.Errorf("the search had ended when it was stopped: %d events", len(found))
	}
}

// pausedSearch pauses a search as soon as it has begun.
func pausedSearch(t *testing.T, dir, name string) (folder string) {
	t.Helper()
	folder = filepath.Join(dir, "runs", name)
	until(t, "it searches", func() bool {
		_, err := os.Stat(filepath.Join(folder, "events.jsonl"))
		return err == nil && status(t, folder).Step == 3
	})
	detnas(t, dir, "pause", folder).succeed()
	until(t, "it stands", func() bool { return status(t, folder).State == run.StatePaused })
	return folder
}

// stoodThrough has a rank stand still that is given a candidate. Those of which so many are
// handed out at a time wait for that one, until rank 0, which would idle, measures it.
func stoodThrough(t *testing.T, dir string, p *process, name string) {
	t.Helper()
	folder := pausedSearch(t, dir, name)
	pid := 0
	until(t, "rank 1 comes", func() bool {
		_, _, told := searchedOf(t, folder)
		for _, e := range told {
			if j, ok := e.(run.RankJoined); ok {
				pid = j.PID
			}
		}
		return pid > 0
	})
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	before, _, _ := searchedOf(t, folder)
	detnas(t, dir, "resume", folder).succeed()
	const most = 2 * 2 // candidates are handed out to two scorers that do not count yet
	until(t, "more count than that", func() bool {
		now, _, _ := searchedOf(t, folder)
		return len(now) > len(before)+most || lost(t, folder)
	})
	if lost(t, folder) {
		t.Error("the search went on only once the rank that stood still was taken for dead")
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.succeed()
}

// refusedRanks has a search by three ranks in which one computes other bits than rank 0 and
// one, which comes later, has other boxes: rank 0 measures all by itself. The run stands
// while they come.
func refusedRanks(t *testing.T, dir, images string, args ...string) {
	t.Helper()
	env := []string{"WORLD_SIZE=3", "MASTER_ADDR=127.0.0.1", "MASTER_PORT=" + strconv.Itoa(20000+freeJob(t))}
	rank := func(n int, more ...string) *process {
		cmd := command(t, dir, append([]string{"run", "--headless", "--name", "refused"}, args...)...)
		cmd.Env = append(append(append(cmd.Env, env...), "RANK="+strconv.Itoa(n)), more...)
		return start(t, cmd)
	}
	zero := rank(0)
	folder := pausedSearch(t, dir, "refused")
	refused := func(rank int, why string) {
		t.Helper()
		until(t, fmt.Sprintf("rank %d is refused", rank), func() bool {
			_, _, told := searchedOf(t, folder)
			return slices.ContainsFunc(told, func(e run.Event) bool {
				w, ok := e.(run.Warning)
				return ok && strings.HasPrefix(w.What, fmt.Sprintf("rank %d (", rank)) && strings.Contains(w.What, "measures no candidates: "+why)
			})
		})
	}
	one := rank(1, "ATEN_CPU_CAPABILITY=default")
	refused(1, "it computes other bits than rank 0")
	boxes := filepath.Join(images, "detection", "train.json")
	was := read(t, boxes)
	otherBoxes(t, boxes)
	two := rank(2)
	refused(2, "search.")
	if err := os.WriteFile(boxes, was, 0o600); err != nil {
		t.Fatal(err)
	}
	detnas(t, dir, "resume", folder).succeed()
	for _, p := range []*process{zero, one, two} {
		p.succeed()
	}
	if _, by, _ := searchedOf(t, folder); len(by) != 1 {
		t.Errorf("candidates by rank: %v", by)
	}
}

// otherBoxes moves the boxes of a file of COCO's form.
func otherBoxes(t *testing.T, path string) {
	t.Helper()
	var set map[string]any
	if err := json.Unmarshal(read(t, path), &set); err != nil {
		t.Fatal(err)
	}
	annotations, _ := set["annotations"].([]any)
	for _, a := range annotations {
		a.(map[string]any)["bbox"].([]any)[0] = 1 //nolint:forcetypeassert // as COCO's are
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
