package run

import (
	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/tui/common"
	"detnas/tui/components/logview"
	"detnas/tui/components/text"
	"detnas/tui/history"
)

// logs are the journal in words, and log.txt.
type logs struct {
	journal, printed *logview.View
	raw              bool // log.txt is shown
}

func newLogs(c *common.Common, f *run.Folder) logs {
	l := logs{
		journal: logview.New(c, run.NewLines(f.JournalPath()), words(c)),
		printed: logview.New(c, run.NewLines(f.Log()), func(line string) logview.Line { return logview.Line{Text: text.Clean(line)} }),
	}
	l.journal.Empty, l.printed.Empty = "the journal is empty", "log.txt is empty or not there"
	return l
}

// words puts a line of the journal in words. The clock's location is asked for
// once: it is used by commands.
func words(c *common.Common) func(string) logview.Line {
	here := c.Now().Location()
	return func(line string) logview.Line {
		e, err := run.ParseEntry(line)
		if err != nil {
			return logview.Line{Text: text.Clean(line)}
		}
		said, bad := history.Text(e)
		return logview.Line{Text: e.Time.In(here).Format("15:04:05 ") + text.Clean(said), Bad: bad}
	}
}

func (l *logs) shown() *logview.View {
	if l.raw {
		return l.printed
	}
	return l.journal
}

func (l *logs) name() string {
	if l.raw {
		return "log.txt"
	}
	return "journal"
}

func (l *logs) title() string { return l.name() + "  " + l.shown().Status() }

// update gives a message to the log that it is for.
func (l *logs) update(msg tea.Msg) (tea.Cmd, bool) {
	first, second := l.shown(), l.printed
	if l.raw {
		second = l.journal
	}
	if cmd, mine := first.Update(msg); mine {
		return cmd, true
	}
	return second.Update(msg)
}
