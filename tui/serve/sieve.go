package serve

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// Bounds on what a client says of its terminal.
const (
	mostVariables = 32
	mostVariable  = 256  // bytes of a name and its value
	mostTerminal  = 4096 // bytes
)

// sieve is a channel that is being opened, of whose requests only those come
// through that a screen or a command needs.
type sieve struct {
	gossh.NewChannel
	session *session
}

// Accept accepts the channel.
func (n *sieve) Accept() (gossh.Channel, <-chan *gossh.Request, error) {
	channel, in, err := n.NewChannel.Accept()
	if err != nil {
		return nil, nil, err //nolint:wrapcheck // for the library
	}
	n.session.mu.Lock()
	n.session.channel = channel
	n.session.mu.Unlock()
	out := make(chan *gossh.Request)
	n.session.server.work.Go(func() {
		defer close(out)
		variables := 0
		for req := range in {
			var pass bool
			switch req.Type {
			case "window-change":
				_ = req.Reply(n.session.resized(req.Payload), nil)
				continue
			case "env":
				variables++
				pass = variables <= mostVariables && variable(req.Payload)
			default:
				pass = n.session.allowed(req)
			}
			if pass {
				out <- req
			} else {
				_ = req.Reply(false, nil)
			}
		}
	})
	return channel, out, nil
}

// allowed reports whether a request is for a screen or a command. What else
// clients ask for is noted.
func (c *session) allowed(req *gossh.Request) bool {
	what := req.Type
	switch req.Type {
	case "shell":
		return true
	case "pty-req":
		return len(req.Payload) <= mostTerminal
	case "signal", "break": // ssh sends them on keys
		return false
	case "exec":
		if len(req.Payload) <= 4+c.server.limits.CommandBytes { // after its length
			return true
		}
		what = "a command line of more bytes than are taken"
	case "subsystem":
		var name struct{ Name string }
		_ = gossh.Unmarshal(req.Payload, &name) // left empty
		what = "subsystem " + name.Name
	}
	c.visitor.refuse(what)
	return false
}

// variable reports whether an environment variable is one of those that are
// taken: what the terminal is, and the language of its user.
func variable(payload []byte) bool {
	var v struct{ Name, Value string }
	if gossh.Unmarshal(payload, &v) != nil || len(v.Name)+len(v.Value) > mostVariable {
		return false
	}
	return slices.Contains([]string{"TERM", "COLORTERM", "LANG", "NO_COLOR"}, v.Name) || strings.HasPrefix(v.Name, "LC_")
}

// resized takes the size of the client's terminal; only the newest counts.
func (c *session) resized(payload []byte) bool {
	var w struct{ Columns, Rows, Width, Height uint32 }
	if gossh.Unmarshal(payload, &w) != nil {
		return false
	}
	select {
	case <-c.sizes:
	default:
	}
	c.sizes <- bounded(int(w.Columns), int(w.Rows)) // only this goroutine puts sizes in
	return true
}

// bounded is a size within what a screen may have.
func bounded(columns, rows int) tea.WindowSizeMsg {
	return tea.WindowSizeMsg{Width: max(1, min(columns, mostWidth)), Height: max(1, min(rows, mostHeight))}
}

// environment is what the client says of its terminal.
func environment(sess ssh.Session) func(string) string {
	values := map[string]string{}
	for _, pair := range sess.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	if pty, _, ok := sess.Pty(); ok {
		values["TERM"] = pty.Term
	}
	return func(name string) string { return values[name] }
}

// noChannel refuses every channel that is no session, such as a forwarded port.
func (s *Server) noChannel(_ *ssh.Server, _ *gossh.ServerConn, ch gossh.NewChannel, ctx ssh.Context) {
	visitorOf(ctx).refuse("channel " + ch.ChannelType())
	_ = ch.Reject(gossh.Prohibited, "only sessions are served here")
}

// noRequest refuses every request of a connection, such as to forward a port.
func (s *Server) noRequest(ctx ssh.Context, _ *ssh.Server, req *gossh.Request) (bool, []byte) {
	if strings.Contains(req.Type, "-forward") {
		visitorOf(ctx).refuse(req.Type)
	}
	return false, nil // also to keepalives, for which any answer will do
}
