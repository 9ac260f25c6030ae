package run

import (
	tea "charm.land/bubbletea/v2"

	"detnas/core/run"
	"detnas/tui/common"
	"detnas/tui/components/logview"
	"detnas/tui/components/text"
	"detnas/tui/history"
)

// logs are the journal in words, log.txt, and the log of a rank.
type logs struct {
	common           *common.Common
	journal, printed *logview.View
	ranked           *logview.View // nil where none was opened
	rank             int           // whose ranked is
	what             log
}

// log is one of the logs.
type log int

const (
	logJournal log = iota
	logPrinted
	logRank
)

func newLogs(c *common.Common, f *run.Folder) logs {
	l := logs{common: c, journal: logview.New(c, run.NewLines(f.JournalPath()), words(c)), printed: printed(c, f.Log())}
	l.journal.Empty, l.printed.Empty = "the journal is empty", "log.txt is empty or not there"
	return l
}

// printed is a file of lines as they are.
func printed(c *common.Common, path string) *logview.View {
	return logview.New(c, run.NewLines(path), func(line string) logview.Line { return logview.Line{Text: text.Clean(line)} })
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

// open shows the log of a rank; that of rank 0 is the run's.
func (l *logs) open(f *run.Folder, rank int) {
	if rank == 0 {
		l.what = logPrinted
		return
	}
	if l.ranked == nil || l.rank != rank {
		l.ranked, l.rank = printed(l.common, run.RankLog(f.Dir(), rank)), rank
	}
	l.what = logRank
	l.ranked.Empty = l.name() + " is empty or not there"
}

// next are the logs with the one shown that comes after this.
func (l logs) next() logs {
	l.what++
	if l.what > logRank || l.what == logRank && l.ranked == nil {
		l.what = logJournal
	}
	return l
}

func (l logs) all() []*logview.View {
	if l.ranked == nil {
		return []*logview.View{l.journal, l.printed}
	}
	return []*logview.View{l.journal, l.printed, l.ranked}
}

func (l logs) shown() *logview.View { return l.all()[l.what] }

func (l logs) name() string {
	switch l.what {
	case logPrinted:
		return "log.txt"
	case logRank:
		return run.RankLog("", l.rank)
	}
	return "journal"
}

func (l logs) title() string { return l.name() + "  " + l.shown().Status() }

// update gives a message to the log that it is for.
func (l logs) update(msg tea.Msg) (tea.Cmd, bool) {
	if cmd, mine := l.shown().Update(msg); mine {
		return cmd, true
	}
	for _, v := range l.all() {
		if v == l.shown() {
			continue
		}
		if cmd, mine := v.Update(msg); mine {
			return cmd, true
		}
	}
	return nil, false
}
