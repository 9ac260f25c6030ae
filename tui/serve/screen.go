package serve

import (
	"fmt"
	"io"
	"runtime/debug"

	tea "charm.land/bubbletea/v2"
	"charm.land/ssh"
	"charm.land/wish/v2/bubbletea"
)

// framesPerSecond bounds how often a remote terminal is written to.
const framesPerSecond = 10

// screen shows the screen until the guest leaves it or the session is ended.
func (c *session) screen(sess ssh.Session) int {
	pty, _, ok := sess.Pty()
	if !ok {
		say(sess.Stderr(), "the screen needs a terminal: ssh -t; or ask for something, such as: ssh HOST -- runs --json")
		return exitUsage
	}
	size := bounded(pty.Window.Width, pty.Window.Height)
	c.guest.log.Info("screen", "term", shown(pty.Term), "size", fmt.Sprintf("%dx%d", size.Width, size.Height))
	model := c.server.options.Screen(c.guest)
	defer model.Close()
	// The keyboard is read by typed: Bubble Tea's own reading asks the terminal
	// questions, cannot be bounded, and its panics are the server's.
	program := tea.NewProgram(&contained{Screen: model, session: c}, append(
		bubbletea.MakeOptions(sess), tea.WithInput(nil), tea.WithWindowSize(size.Width, size.Height),
		tea.WithFPS(framesPerSecond), tea.WithoutSignalHandler(),
	)...)
	over := make(chan struct{})
	c.running.Go(func() { c.guide(program, over) })
	c.running.Go(func() { c.typed(sess, pty.Term, program) })
	_, err := program.Run()
	close(over)
	why := c.ended()
	if err != nil && why == "" {
		why = "the screen has failed: " + err.Error()
	}
	code := exitOK
	if why != "" {
		say(sess.Stderr(), why)
		code = exitFailed
	} else {
		why = "left"
	}
	c.guest.log.Info("screen closed", "after", c.server.since(c.began), "why", why)
	return code
}

// say says a line to the guest.
func say(w io.Writer, line string) { _, _ = fmt.Fprintf(w, "detnas: %s\n", line) }

// guide passes the terminal's sizes on, and ends the program with the session.
func (c *session) guide(program *tea.Program, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-c.ctx.Done():
			program.Quit() // waits where the terminal does not take what is drawn, until it is cut
			return
		case size := <-c.sizes:
			program.Send(size)
		}
	}
}

// contained is a screen whose panics end its session alone.
type contained struct {
	Screen
	session *session
	failed  bool
}

// Init is the screen's first command.
func (m *contained) Init() (cmd tea.Cmd) {
	defer m.contain("the screen's start", &cmd)
	return m.safe(m.Screen.Init())
}

// Update gives the screen a message.
func (m *contained) Update(msg tea.Msg) (tea.Model, tea.Cmd) { return m, m.update(msg) }

func (m *contained) update(msg tea.Msg) (cmd tea.Cmd) {
	if m.failed {
		return tea.Quit
	}
	defer m.contain("the screen's update", &cmd)
	_, cmd = m.Screen.Update(msg)
	return m.safe(cmd)
}

// View draws the screen.
func (m *contained) View() (v tea.View) {
	if m.failed {
		return v
	}
	var none tea.Cmd
	defer m.contain("the screen's view", &none)
	return m.Screen.View()
}

// contain ends the session when the screen panics. It is deferred.
func (m *contained) contain(what string, cmd *tea.Cmd) {
	if r := recover(); r != nil {
		m.failed = true
		m.session.failed(what, r, debug.Stack())
		*cmd = tea.Quit
	}
}

// safe is a command whose panic ends the session.
func (m *contained) safe(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return func() (msg tea.Msg) {
		defer m.session.recovered("a command of the screen")
		msg = cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			all := make(tea.BatchMsg, len(batch))
			for i, c := range batch {
				all[i] = m.safe(c)
			}
			return all
		}
		return msg
	}
}
