package serve

import (
	"fmt"
	"time"
)

// Limits bound what clients can take of the server.
type Limits struct {
	Sessions     int           // at once, screens and commands
	Idle         time.Duration // without a key, after which a session is closed; 0 is never
	Logins       int           // connections at once that have not logged in
	Grace        time.Duration // to log in, and then to open a session
	Failures     int           // connections of one address within Ban that end without a login
	Ban          time.Duration // how long an address is refused after so many
	CommandBytes int           // of a command line
	KeepAlive    time.Duration // between two looks at the clients; one that misses missed of them is gone
}

const (
	missed     = 3                      // looks that a client may leave unanswered
	perClient  = 10                     // sessions over one connection, as in sshd
	parting    = 5 * time.Second        // that a session has to take its leave, before the connection is cut
	lingering  = 500 * time.Millisecond // of a connection after its last session, for what was said last to arrive
	mostInput  = 512 << 10              // bytes that may come without making up a key: a paste, twice a config's size
	mostWidth  = 320                    // cells of a screen; what a client has beyond them stays empty
	mostHeight = 100
)

// Defaults are the limits that nobody has changed.
func Defaults() Limits {
	return Limits{
		Sessions: 50, Idle: 8 * time.Hour, Logins: 20, Grace: time.Minute, Failures: 10, Ban: 10 * time.Minute,
		CommandBytes: 4096, KeepAlive: 15 * time.Second,
	}
}

// watchers is how many of the sessions keys may have that watch: a fifth of the
// places, and one where there are two or more, are for those that steer.
func (l Limits) watchers() int {
	if l.Sessions < 2 {
		return l.Sessions
	}
	return l.Sessions - max(1, l.Sessions/5)
}

// check refuses limits that would let nobody in.
func (l Limits) check() error {
	for _, x := range []struct {
		what string
		ok   bool
	}{
		{fmt.Sprintf("--sessions %d: at least 1 session", l.Sessions), l.Sessions > 0},
		{fmt.Sprintf("--idle %s: a span of time, or 0 for none", l.Idle), l.Idle >= 0},
		{fmt.Sprintf("--logins %d: at least 1 connection", l.Logins), l.Logins > 0},
		{fmt.Sprintf("--login-grace %s: a span of time", l.Grace), l.Grace > 0},
		{fmt.Sprintf("--failures %d: at least 1", l.Failures), l.Failures > 0},
		{fmt.Sprintf("--ban %s: a span of time", l.Ban), l.Ban > 0},
		{fmt.Sprintf("--command-bytes %d: at least 1", l.CommandBytes), l.CommandBytes > 0},
		{fmt.Sprintf("--keepalive %s: a span of time", l.KeepAlive), l.KeepAlive > 0},
	} {
		if !x.ok {
			return fmt.Errorf("limits of the server: %s is wanted", x.what)
		}
	}
	return nil
}
