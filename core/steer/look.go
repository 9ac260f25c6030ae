package steer

import (
	"sync"
	"time"

	"detnas/core/run"
)

// lookEvery is how long the answer to who runs a run is taken as still true.
const lookEvery = time.Second

// look finds out who runs a run, at most once a second, however many viewers ask.
type look struct {
	folder *run.Folder
	users  int // viewers of a Lookout

	mu     sync.Mutex
	looked time.Time
	last   error
}

// away says why nobody takes commands for the run, or is nil.
func (k *look) away() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if now := time.Now(); now.Sub(k.looked) >= lookEvery {
		k.last, k.looked = listens(k.folder), now
	}
	return k.last
}

// Lookout makes viewers that share what they find out, for a process that has
// many of them: a run is then asked once a second whether it listens, and not once
// by every viewer.
type Lookout struct {
	mu    sync.Mutex
	looks map[string]*look // by the run's folder
}

// NewLookout makes a lookout without viewers.
func NewLookout() *Lookout { return &Lookout{looks: map[string]*look{}} }

// Watch is a viewer of the run in a folder, as the function of that name makes it.
func (l *Lookout) Watch(f *run.Folder) Viewer {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.looks[f.Dir()]
	if k == nil {
		k = &look{folder: f}
		l.looks[f.Dir()] = k
	}
	k.users++
	v := &sharingViewer{fileViewer: fileViewer{folder: f, journal: journal{path: f.JournalPath()}, look: k}}
	v.leave = sync.OnceFunc(func() { l.leave(k) })
	return v
}

// leave forgets a look that nobody uses any more.
func (l *Lookout) leave(k *look) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.looks, k.folder.Dir())
	}
}

// sharingViewer is a viewer of a lookout.
type sharingViewer struct {
	fileViewer
	leave func()
}

// Close ends the viewing.
func (v *sharingViewer) Close() error {
	v.leave()
	return v.fileViewer.Close()
}
