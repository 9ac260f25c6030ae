package steer

// Barred says why somebody may watch a run and not steer it.
type Barred struct {
	Why  string
	Away error // why the run takes no commands from those who may; nil when it does
}

// Error is why.
func (b *Barred) Error() string { return b.Why }

// Spectate is a viewer through which nothing can be asked of the run: Do and
// Steerable return why.
func Spectate(v Viewer, why string) Viewer { return &spectator{Viewer: v, why: why} }

type spectator struct {
	Viewer
	why string
}

// Do refuses.
func (s *spectator) Do(Command) error { return &Barred{Why: s.why} }

// Steerable says why not.
func (s *spectator) Steerable() error { return &Barred{Why: s.why, Away: s.Viewer.Steerable()} }
