// Package common is what every page of the screen shares: its size and looks,
// what a page is, and the messages that pages send to the program around them.
package common

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"detnas/tui/keymap"
	"detnas/tui/styles"
)

// Common is the looks that all pages and components share. The program changes
// it in place, for example when another theme is chosen, and then resizes the
// pages.
type Common struct {
	Styles *styles.Styles
	Glyphs styles.Glyphs
	Now    func() time.Time // the clock; fixed in tests
	Who    string           // who steers, for the journal
	// Watching says why nothing can be steered, started, deleted, edited or saved
	// from this screen; empty where it can.
	Watching string
	// NoFiles says why this screen opens and writes no file by its path; empty
	// where it does.
	NoFiles string
	// Bins bounds what the curves of a run keep, as in history.Coarse.
	Bins int
}

// Page is one page of the screen. The program around it draws the header, the
// hints and whatever lies over the page; it owns dispatch: a key that is bound
// calls the binding, and every other message goes to Update. Pages do no I/O
// outside of the commands that they return.
type Page interface {
	// Title is the page's name in the header.
	Title() string
	// Bindings are what its keys do now.
	Bindings() []keymap.Binding
	// Capturing reports whether keys are typed text, as in a filter or the
	// editor: they then go to Update, bound or not, save ctrl+c.
	Capturing() bool
	// Update takes a message: keys that are not bound, mouse messages in the
	// page's own cells, what its commands return, and those below.
	Update(msg tea.Msg) tea.Cmd
	// Resize gives the page its cells.
	Resize(width, height int)
	// View is the page: height lines of exactly width columns.
	View() string
}

// Tick comes once a second, for ages and time left.
type Tick struct{}

// Notice is a line for the user, shown below the page for some seconds.
type Notice struct {
	Text string
	Bad  bool
}

// Ask opens a question over the page. With a Word the answer has to be typed
// out, for what cannot be undone.
type Ask struct {
	Title   string
	Text    string // some lines
	Word    string // to be typed, or empty
	Choices []Choice
}

// Choice is one answer to a question; the first is the default.
type Choice struct {
	Key   string // one letter
	Name  string
	About string // what follows from it, in a line
	Do    tea.Cmd
}

// Prompt asks for a line of text.
type Prompt struct {
	Title  string
	Text   string
	Value  string             // to begin with
	Check  func(string) error // as one types; may be nil
	Accept func(string) tea.Cmd
}

// Send makes a command of a message.
func Send(msg tea.Msg) tea.Cmd { return func() tea.Msg { return msg } }

// Notify makes a command of a notice.
func Notify(text string) tea.Cmd { return Send(Notice{Text: text}) }

// Fail makes a command of an error.
func Fail(err error) tea.Cmd { return Send(Notice{Text: err.Error(), Bad: true}) }
