package serve

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// Bounds on what is noted of a connection.
const (
	mostTried   = 8  // ways to log in
	mostRefused = 20 // requests
)

// visitor is a connection, from its accept to its end.
type visitor struct {
	net.Conn
	server *Server
	ctx    ssh.Context
	number int64
	from   netip.Prefix
	began  time.Time
	gone   chan struct{} // closed with the connection
	leave  func()

	mu       sync.Mutex
	user     string
	tried    []string // that did not let it in
	wire     string   // the key that it logged in with; empty before
	key      key
	sessions []*session
	last     time.Time // a session was open, or the login
	why      string    // it is ended
	asking   bool      // a look at it is not answered yet
	missed   int       // such looks
	refused  int       // requests
}

// visitorKey finds the visitor in a connection's context.
type visitorKey struct{}

// visitorOf is the visitor of a connection.
func visitorOf(ctx ssh.Context) *visitor {
	v, _ := ctx.Value(visitorKey{}).(*visitor)
	return v
}

// address is the visitor's address without its port.
func (v *visitor) address() string {
	host, _, err := net.SplitHostPort(v.RemoteAddr().String())
	if err != nil {
		return v.RemoteAddr().String()
	}
	return host
}

// Close ends the connection. The library closes it too, and more than once.
func (v *visitor) Close() error {
	err := v.Conn.Close()
	v.leave()
	return err //nolint:wrapcheck // a connection around a connection
}

// login notes with which key it has logged in.
func (v *visitor) login(user, wire string, k key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.user, v.wire, v.key, v.last = user, wire, k, v.server.now()
}

// who is the key that it has logged in with; false before.
func (v *visitor) who() (k key, wire string, in bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.key, v.wire, v.wire != ""
}

// try notes what did not let it in.
func (v *visitor) try(user, what string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.user = user
	if len(v.tried) < mostTried && !slices.Contains(v.tried, what) {
		v.tried = append(v.tried, what)
	}
}

// failure is why it never logged in.
func (v *visitor) failure() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.why != "":
		return v.why
	case len(v.tried) > 0:
		return strings.Join(v.tried, "; ")
	case v.server.now().Sub(v.began) >= v.server.limits.Grace:
		return "it did not log in in time"
	}
	return "it left without offering a key"
}

// end ends the connection: its sessions are told why, and what they have not ended
// by themselves after a while is cut.
func (v *visitor) end(why string) {
	v.mu.Lock()
	if v.why == "" {
		v.why = why
	}
	sessions := v.sessions
	v.mu.Unlock()
	if len(sessions) == 0 {
		_ = v.Close()
		return
	}
	for _, s := range sessions {
		s.end(why)
	}
}

// cut ends the connection at once.
func (v *visitor) cut(why string) {
	v.mu.Lock()
	if v.why == "" {
		v.why = why
	}
	v.mu.Unlock()
	_ = v.Close()
}

// look asks the client for a sign of life, and counts what it leaves unanswered.
// It reports whether the client has missed too many.
func (v *visitor) look() (dead bool) {
	conn, ok := v.ctx.Value(ssh.ContextKeyConn).(*gossh.ServerConn)
	if !ok {
		return false // it is logging in
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asking {
		v.missed++
		return v.missed >= missed
	}
	v.asking, v.missed = true, 0
	v.server.work.Go(func() { // ends with the connection at the latest
		_, _, err := conn.SendRequest("keepalive@openssh.com", true, nil)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.asking = err != nil
	})
	return false
}

// refuse notes what a client asked for in vain.
func (v *visitor) refuse(what string) {
	v.mu.Lock()
	v.refused++
	many := v.refused > mostRefused
	name := v.key.name
	v.mu.Unlock()
	if !many {
		v.server.log.Warn("request refused", "conn", v.number, "key", name, "from", v.RemoteAddr().String(), "what", shown(what))
	}
}
