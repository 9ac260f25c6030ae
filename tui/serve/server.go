// Package serve is the screen over SSH: people log in with a key and get the
// screen, or the answer to a command. It knows neither runs nor pages: what a
// session shows and what a command does is handed in.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	"charm.land/wish/v2"
	gossh "golang.org/x/crypto/ssh"
)

// Screen is what a session shows. Close lets go of what it has open; it comes
// after the last message.
type Screen interface {
	tea.Model
	Close()
}

// Options are what a server is made with.
type Options struct {
	HostKey string // file; made where it is not there
	// SteerKeys and WatchKeys are files of OpenSSH's authorized_keys format. They
	// are read again at every login.
	SteerKeys, WatchKeys string
	Limits               Limits
	Log                  *Log
	// Screen makes the screen of a session.
	Screen func(*Guest) Screen
	// Command answers a command and returns its exit code. It ends soon after ctx.
	Command func(ctx context.Context, g *Guest, args []string, out, errs io.Writer) int
}

// Server is the server. It is used once.
type Server struct {
	options Options
	limits  Limits
	log     *Log
	keys    keyring
	host    gossh.Signer
	ssh     *ssh.Server
	door    *door
	now     func() time.Time

	numbers atomic.Int64 // of connections
	work    sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	listener net.Listener
	visitors map[*visitor]struct{}
	places   int    // sessions that are open
	watched  int    // those of them of keys that watch
	unread   string // why the keys could not be read at the last round
}

// New makes a server. It fails where nobody could log in.
func New(o Options) (*Server, error) {
	if err := o.Limits.check(); err != nil {
		return nil, err
	}
	s := &Server{
		options: o, limits: o.Limits, log: o.Log, keys: keyring{steer: o.SteerKeys, watch: o.WatchKeys},
		now: time.Now, visitors: map[*visitor]struct{}{},
	}
	s.door = newDoor(o.Limits, func() time.Time { return s.now() })
	keys, err := s.keys.read()
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no key may log in yet: add one with `cat ~/.ssh/id_ed25519.pub >> %s`, or to %s for those who only watch", o.SteerKeys, o.WatchKeys)
	}
	if s.host, err = hostKey(o.HostKey); err != nil {
		return nil, err
	}
	s.ssh, err = wish.NewServer(
		func(srv *ssh.Server) error { srv.AddHostKey(s.host); return nil },
		wish.WithVersion("detnas"),
		wish.WithPublicKeyAuth(s.offered),
		ssh.WrapConn(s.accept),
		s.closeDoors,
	)
	if err != nil {
		return nil, fmt.Errorf("making the SSH server: %w", err)
	}
	return s, nil
}

// closeDoors leaves sessions as all that a client can have.
func (s *Server) closeDoors(srv *ssh.Server) error {
	srv.HandshakeTimeout = s.limits.Grace
	srv.ServerConfigCallback = s.config
	srv.ConnectionCloseCallback = func(net.Conn) { s.work.Done() }
	srv.ChannelHandlers = map[string]ssh.ChannelHandler{"session": s.session, "default": s.noChannel}
	srv.RequestHandlers = map[string]ssh.RequestHandler{"default": s.noRequest}
	srv.SubsystemHandlers = map[string]ssh.SubsystemHandler{}
	return nil
}

// Fingerprint is that of the host key, as ssh shows it.
func (s *Server) Fingerprint() string { return gossh.FingerprintSHA256(s.host.PublicKey()) }

// Keys counts the keys that may log in now.
func (s *Server) Keys() (steer, watch int, err error) {
	keys, err := s.keys.read()
	steer, watch = count(keys)
	return steer, watch, err
}

// Serve serves until Close, and closes the listener.
func (s *Server) Serve(l net.Listener) error {
	done := make(chan struct{})
	if !s.begin(l, done) {
		_ = l.Close() // it has not listened yet
		return nil
	}
	err := s.ssh.Serve(l)
	close(done)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	return fmt.Errorf("serving at %s: %w", l.Addr(), err)
}

// begin reports whether the server is to listen: it may be closed by now.
func (s *Server) begin(l net.Listener, done <-chan struct{}) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.listener = l
	s.work.Go(func() { s.rounds(done) })
	return true
}

// Close ends the serving: sessions are told why and have a moment to take their
// leave. When it returns, nothing of the server runs any more.
func (s *Server) Close(why string) error {
	s.mu.Lock()
	s.closed = true
	if s.listener != nil {
		_ = s.listener.Close()
	}
	var all []*visitor
	for v := range s.visitors {
		all = append(all, v)
	}
	s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // it need not wait: what is open is ended below
	err := s.ssh.Shutdown(ctx)
	if errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) {
		err = nil
	}
	var wait sync.WaitGroup
	for _, v := range all {
		wait.Go(func() {
			v.end(why)
			select {
			case <-v.gone:
			case <-time.After(parting):
				v.cut(why)
			}
		})
	}
	wait.Wait()
	s.work.Wait()
	if err != nil {
		return fmt.Errorf("closing the SSH server: %w", err)
	}
	return nil
}

// accept lets a connection in, or not.
func (s *Server) accept(ctx ssh.Context, conn net.Conn) net.Conn {
	v := &visitor{
		Conn: conn, server: s, ctx: ctx, number: s.numbers.Add(1), from: addressOf(conn.RemoteAddr()), began: s.now(), gone: make(chan struct{}),
	}
	v.leave = sync.OnceFunc(func() { s.leave(v) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	if no := s.door.enter(v.from); no != nil {
		if no.say {
			s.log.Warn("refused", "conn", v.number, "from", conn.RemoteAddr().String(), "why", no.why, "refused_before", no.held)
		}
		return nil
	}
	s.visitors[v] = struct{}{}
	s.work.Add(1) // until ConnectionCloseCallback
	ctx.SetValue(visitorKey{}, v)
	return v
}

// leave notes the end of a connection.
func (s *Server) leave(v *visitor) {
	s.mu.Lock()
	delete(s.visitors, v)
	s.mu.Unlock()
	k, _, in := v.who()
	from := v.RemoteAddr().String()
	banned := s.door.leave(v.from, k.role)
	close(v.gone)
	v.mu.Lock()
	user, why := v.user, v.why
	v.mu.Unlock()
	if in {
		if why == "" {
			why = "the client left"
		}
		s.log.Info("logout", "conn", v.number, "key", k.name, "role", k.role.String(), "from", from, "after", s.since(v.began), "why", why)
		return
	}
	s.log.Warn("refused", "conn", v.number, "from", from, "user", shown(user), "why", v.failure())
	if banned {
		s.log.Warn("address refused", "from", v.from.String(), "for", s.limits.Ban.String(),
			"why", fmt.Sprintf("%d connections without a login", s.limits.Failures))
	}
}

// since is the time from then on, for the log.
func (s *Server) since(then time.Time) string {
	return s.now().Sub(then).Round(time.Millisecond).String()
}
