package serve

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// The exit codes of sessions that are no command.
const (
	exitOK     = 0
	exitFailed = 1 // it was ended by the server, or has failed
	exitUsage  = 2 // there is no terminal
)

// session is a screen or a command of a visitor.
type session struct {
	visitor *visitor
	server  *Server
	guest   *Guest
	began   time.Time
	ctx     context.Context // ends with the session's channel, or when it is to end
	cancel  context.CancelFunc
	sizes   chan tea.WindowSizeMsg // the newest one that is not taken yet
	running sync.WaitGroup         // its handler, and what that started

	mu      sync.Mutex
	channel gossh.Channel
	started bool      // a screen or a command was asked for
	key     time.Time // the last that was pressed
	why     string    // it is ended
	cutting *time.Timer
}

// session handles a channel that a client opens for a screen or a command.
func (s *Server) session(_ *ssh.Server, conn *gossh.ServerConn, ch gossh.NewChannel, ctx ssh.Context) {
	v := visitorOf(ctx)
	c, err := s.open(v)
	if err != nil {
		v.refuse("session: " + err.Error())
		_ = ch.Reject(gossh.ResourceShortage, err.Error())
		return
	}
	defer s.shut(c)
	inner := &ssh.Server{Handler: c.serve, SessionRequestCallback: func(ssh.Session, string) bool { return c.start() }}
	_ = ssh.EmulatePty()(inner) // never fails
	ssh.DefaultSessionHandler(inner, conn, &sieve{NewChannel: ch, session: c}, ctx)
	c.cancel() // the channel is closed
	c.running.Wait()
}

// open gives a session its place.
func (s *Server) open(v *visitor) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case s.closed || v.why != "":
		return nil, errors.New("the connection is being closed")
	case s.places >= s.limits.Sessions:
		return nil, fmt.Errorf("%d sessions are open, and no more may be; try again later", s.places)
	case v.key.role == Watch && s.watched >= s.limits.watchers():
		return nil, fmt.Errorf("%d sessions that watch are open, and no more may be: the other places are for keys that steer; try again later", s.watched)
	case len(v.sessions) >= perClient:
		return nil, fmt.Errorf("%d sessions are open over this connection; open another one", len(v.sessions))
	}
	s.places++
	if v.key.role == Watch {
		s.watched++
	}
	s.work.Add(1)
	c := &session{visitor: v, server: s, began: s.now(), key: s.now(), sizes: make(chan tea.WindowSizeMsg, 1)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.guest = &Guest{
		Name: v.key.name, Fingerprint: v.key.fingerprint, Role: v.key.role, From: v.address(),
		log: s.log.With("conn", v.number, "key", v.key.name, "role", v.key.role.String(), "from", v.RemoteAddr().String()),
	}
	v.sessions = append(slices.Clone(v.sessions), c)
	return c, nil
}

// shut gives the place back.
func (s *Server) shut(c *session) {
	c.mu.Lock()
	if c.cutting != nil {
		c.cutting.Stop()
	}
	c.mu.Unlock()
	v := c.visitor
	s.mu.Lock()
	defer s.mu.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sessions = slices.DeleteFunc(slices.Clone(v.sessions), func(o *session) bool { return o == c })
	v.last = s.now()
	if v.why != "" && len(v.sessions) == 0 {
		time.AfterFunc(lingering, func() { _ = v.Close() }) // ssh leaves by itself before that
	}
	s.places--
	if c.guest.Role == Watch {
		s.watched--
	}
	s.work.Done()
}

// start reports whether a screen or a command may begin.
func (c *session) start() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.why != "" {
		return false
	}
	c.started = true
	c.running.Add(1)
	return true
}

// serve is the session itself, once a screen or a command is asked for.
func (c *session) serve(sess ssh.Session) {
	defer c.running.Done()
	code := exitFailed
	defer func() {
		_ = sess.Exit(code)
		c.cutLater("the client kept a session that had ended")
	}()
	defer c.recovered("session")
	c.guest.Env = environment(sess)
	if strings.TrimSpace(sess.RawCommand()) != "" {
		code = c.command(sess)
	} else {
		code = c.screen(sess)
	}
}

// recovered ends a session that has failed, and no other; the stack goes into the
// log. It is deferred.
func (c *session) recovered(what string) {
	if r := recover(); r != nil {
		c.failed(what, r, debug.Stack())
	}
}

func (c *session) failed(what string, r any, stack []byte) {
	c.guest.log.Error("panic", "in", what, "panic", fmt.Sprint(r), "stack", string(stack))
	c.end("the session has failed; the server's log says where")
}

// end ends the session: it is told why, and cut when it has not ended after a
// while.
func (c *session) end(why string) {
	c.mu.Lock()
	if c.why != "" {
		c.mu.Unlock()
		return
	}
	c.why = why
	if channel := c.channel; channel != nil && !c.started {
		c.server.work.Go(func() { _ = channel.Close() })
	}
	c.mu.Unlock()
	c.cutLater(why)
	c.cancel()
}

// cutLater cuts the connection unless the session's channel is closed within a
// while.
func (c *session) cutLater(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cutting == nil {
		c.cutting = time.AfterFunc(parting, func() { c.visitor.cut(why) })
	}
}

// ended is why the session is ended by the server; empty where it is not.
func (c *session) ended() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.why
}

// touch notes that a key was pressed.
func (c *session) touch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.key = c.server.now()
}

// touched is when the last key was pressed.
func (c *session) touched() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.key
}
