package serve

import (
	"log/slog"

	"detnas/core/steer"
)

// Guest is somebody who has logged in, in one of his sessions.
type Guest struct {
	Name        string // the comment of his key
	Fingerprint string // of his key
	From        string // his address
	Role        Role
	Env         func(string) string // TERM, the locale and colours of his terminal

	log *slog.Logger // with who he is
}

// Who is how the journal of a run names him.
func (g *Guest) Who() string { return g.Name + " from " + g.From }

// OnlyWatches says why he cannot steer; empty where he can.
func (g *Guest) OnlyWatches() string {
	if g.Role == Steer {
		return ""
	}
	return "the key " + g.Name + " may watch, not steer"
}

// Acted notes in the server's log what he did, or wanted to do.
func (g *Guest) Acted(act string, err error, more ...any) {
	more = append([]any{"act", act}, more...)
	if err != nil {
		g.log.Warn("act refused", append(more, "why", err.Error())...)
		return
	}
	g.log.Info("act", more...)
}

// Viewer is a viewer of a run for him: what he asks for is asked in his name and
// noted in the server's log. Where he may only watch, it takes nothing.
func (g *Guest) Viewer(v steer.Viewer) steer.Viewer {
	if why := g.OnlyWatches(); why != "" {
		v = steer.Spectate(v, why)
	}
	return &noted{Viewer: v, guest: g}
}

// noted is a viewer whose commands are noted.
type noted struct {
	steer.Viewer
	guest *Guest
}

// Do asks the run for something in the guest's name.
func (n *noted) Do(c steer.Command) error {
	c.Who = n.guest.Who()
	err := n.Viewer.Do(c)
	more := []any{"run", shown(n.Folder().Name())}
	for _, x := range []struct{ key, value string }{{"of", c.Of}, {"subnet", c.Subnet}, {"choice", c.Choice}} {
		if x.value != "" {
			more = append(more, x.key, shown(x.value))
		}
	}
	if c.Block > 0 {
		more = append(more, "block", c.Block)
	}
	n.guest.Acted(shown(c.Act), err, more...)
	return err //nolint:wrapcheck // a viewer around a viewer
}
