package dispatch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// story is what a queue is told and says, one step after the other.
type story struct {
	q *Queue
}

// step does one step, such as "join", "take 1", "finish 1", "leave 1", "settle a" or
// "turn a b c", and returns what came of it.
func (s story) step(t *testing.T, text string) string {
	t.Helper()
	words := strings.Fields(text)
	w := Worker(0)
	if len(words) == 2 {
		_, _ = fmt.Sscan(words[1], &w)
	}
	switch words[0] {
	case "join":
		return fmt.Sprint(s.q.Join())
	case "leave":
		s.q.Leave(w)
	case "take":
		key, _ := s.q.Take(w)
		return key
	case "finish":
		key, counts := s.q.Finish(w)
		return strings.TrimSpace(fmt.Sprintf("%s %v", key, counts))
	case "turn":
		return strings.Join(s.q.Turn(words[1], words[2:]), " ")
	case "settle":
		s.q.Settle(words[1])
	case "hold":
		s.q.Hold()
	case "release":
		s.q.Release()
	case "out":
		return strings.Join(s.q.Out(), " ")
	case "busy":
		return fmt.Sprint(s.q.Busy())
	case "done":
		return fmt.Sprint(s.q.Done(words[1]))
	default:
		t.Fatalf("no step %q", text)
	}
	return ""
}

func TestQueue(t *testing.T) {
	for name, steps := range map[string][]string{
		"in the order of turns, so many ahead": {
			"join = 1", "turn a a b c d =", "take 1 = a", "take 1 =", "finish 1 = a true", "take 1 = b", "finish 1 = b true",
			"take 1 =", "settle a", "take 1 = c", "out = b c",
		},
		"the one whose turn it is comes before all": {
			"join = 1", "turn a b c =", "take 1 = a", "finish 1 = a true", "take 1 = b", "finish 1 = b true", "settle a",
			"turn p b c =", "take 1 = p", "finish 1 = p true", "take 1 =", "out = p b",
		},
		"what the search comes to no more is dropped": {
			"join = 1", "join = 2", "turn a b c =", "take 1 = a", "take 2 = b", "turn a c = b", "busy = 2",
			"finish 2 = b false", "take 2 = c", "turn a b c =", "finish 1 = a true", "take 1 = b", "done b = false",
		},
		"what was dropped and comes again is measured again": {
			"join = 1", "join = 2", "turn a b =", "take 1 = a", "take 2 = b", "turn a = b", "turn a b =",
			"finish 2 = b false", "take 2 = b", "finish 2 = b true",
		},
		"who is lost gives back": {
			"join = 1", "join = 2", "turn a b =", "take 1 = a", "take 2 = b", "leave 1", "finish 1 = false",
			"finish 2 = b true", "take 2 = a", "finish 2 = a true", "done b = true",
		},
		"what a lost one has measured counts": {
			"join = 1", "join = 2", "turn a b =", "take 1 = a", "finish 1 = a true", "leave 1", "done a = true", "take 2 = b",
		},
		"who comes late gets work, and more is handed out": {
			"join = 1", "turn a b c d e =", "take 1 = a", "join = 2", "take 2 = b", "finish 2 = b true", "take 2 = c", "finish 2 = c true",
			"take 2 = d", "finish 2 = d true", "take 2 =",
		},
		"nobody takes two or is handed out what is held": {
			"join = 1", "turn a b =", "hold", "take 1 =", "release", "take 1 = a", "take 1 =", "take 7 =",
		},
		"a slow one's is measured twice, and the first counts": {
			"backups", "join = 1", "join = 2", "turn a b c d e f =", "take 1 = a", "take 2 = b", "finish 2 = b true", "take 2 = c",
			"finish 2 = c true", "take 2 = d", "finish 2 = d true", "take 2 = a", "finish 2 = a true", "finish 1 = a false",
		},
		"it is done for by nobody else unless it is slow": {
			"backups", "join = 1", "join = 2", "turn a b =", "take 1 = a", "take 2 = b", "finish 2 = b true", "take 2 =",
		},
		"nor by a third": {
			"backups", "join = 1", "join = 2", "join = 3", "turn a b c d e f g h i =", "take 1 = a", "take 2 = b", "finish 2 = b true",
			"take 2 = c", "finish 2 = c true", "take 2 = d", "take 3 = e", "finish 3 = e true", "take 3 = f", "finish 3 = f true",
			"take 3 = a", "finish 2 = d true", "take 2 =", "leave 3", "take 2 = a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := story{q: New()}
			for _, step := range steps {
				if step == "backups" {
					s.q.Backups = true
					continue
				}
				do, want, _ := strings.Cut(step, " =")
				got := s.step(t, do)
				if d := cmp.Diff(strings.TrimSpace(want), got); d != "" {
					t.Fatalf("%s (-want +got):\n%s", step, d)
				}
			}
		})
	}
}
