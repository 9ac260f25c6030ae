package follow

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"detnas/core/run"
	"detnas/core/steer"
	"detnas/tui/common"
	"detnas/tui/uitest"
)

func TestReadTakesTheWholeJournalAndTheConfig(t *testing.T) {
	v := uitest.View(t, uitest.Finished)
	want := len(v.Entries)
	r := Read(v)
	if r.Err != nil || int(r.History.Events) != want || r.Config == nil || len(r.Space.Blocks()) == 0 || r.Text() == "" {
		t.Errorf("%d of %d events, config %v, space %v, %v", r.History.Events, want, r.Config != nil, r.Space, r.Err)
	}
}

func TestPollTakesWhatIsNew(t *testing.T) {
	v := uitest.View(t, uitest.Training)
	late := v.Entries[len(v.Entries)-5:]
	v.Entries = v.Entries[:len(v.Entries)-5]
	r := Read(v)
	poll := func() (news, more bool) {
		t.Helper()
		cmd := r.Poll()
		if cmd == nil {
			t.Fatal("no poll")
		}
		if r.Poll() != nil {
			t.Error("two polls at once")
		}
		return r.Take(cmd().(Polled))
	}
	if news, _ := poll(); news {
		t.Error("news without any")
	}
	before := r.History.Events
	v.Entries = late
	if news, more := poll(); !news || more || r.History.Events != before+5 {
		t.Errorf("news %v, more %v, %d events", news, more, r.History.Events-before)
	}
	v.Away = errors.New("gone")
	if news, _ := poll(); !news || r.Steerable == nil {
		t.Error("it is not seen that the run takes no commands any more")
	}
	if news, _ := poll(); news {
		t.Error("the same is news twice")
	}
}

func TestPollSeesAnotherConfig(t *testing.T) {
	v := uitest.View(t, uitest.Training)
	r := Read(v)
	path := v.At.Config()
	if err := os.WriteFile(path, []byte(r.Text()+"\n# a comment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if news, _ := r.Take(r.Poll()().(Polled)); !news {
		t.Error("another text is no news")
	}
	if err := os.WriteFile(path, []byte("seed = ["), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _ = r.Take(r.Poll()().(Polled)); r.ConfigErr == nil || r.Err != nil || r.Config == nil {
		t.Errorf("a config that cannot be read: %v, the journal: %v, the config before kept: %v", r.ConfigErr, r.Err, r.Config != nil)
	}
	if err := os.WriteFile(path, []byte("seed = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _ = r.Take(r.Poll()().(Polled)); strings.Contains(fmt.Sprint(r.ConfigErr), "seed = [") {
		t.Errorf("what was mended is still wrong: %v", r.ConfigErr)
	}
}

func TestDoTellsOfARefusal(t *testing.T) {
	v := uitest.View(t, uitest.Training)
	r := Read(v)
	if _, ok := r.Do(steer.Command{Act: run.ActPause})().(Done); !ok || len(v.Did) != 1 {
		t.Errorf("did %v", v.Did)
	}
	v.Away = errors.New("nobody listens")
	if n, ok := r.Do(steer.Command{Act: run.ActPause})().(common.Notice); !ok || !n.Bad || n.Text != "nobody listens" {
		t.Errorf("%+v", n)
	}
}
